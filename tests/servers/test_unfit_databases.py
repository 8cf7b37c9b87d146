"""A database that can never work is refused by name at the start, and not answered with "try again" for ever."""

import asyncio

import pytest
import redis

from servers.core.store import open_store
from tests.support.engines import Engines, psql
from tests.support.stores import log, opened

pytestmark = pytest.mark.process
GRANTS = """
DO $$ BEGIN CREATE ROLE weak LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
GRANT USAGE ON SCHEMA chat TO weak;
GRANT ALL ON ALL TABLES IN SCHEMA chat TO weak"""


def as_weak(url: str) -> str:
    """Return the URL of the same database for a user who owns nothing."""
    return url.replace("chat@", "weak@")


SPOILED = {
    "LATIN1": ("CREATE DATABASE {}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "{}_latin"),
    "permission denied for table connections": (f"{GRANTS}; REVOKE DELETE ON chat.connections FROM weak", "{}"),
    "read-only transaction": ("ALTER DATABASE {} SET default_transaction_read_only = on", "{}"),
}
"""How a database is made unfit, and the URL of what is unfit then, by what is named."""


@pytest.mark.parametrize("named", SPOILED)
async def test_unfit_postgresql_is_refused_by_name(engines: Engines, named: str) -> None:
    url, (spoil, spoiled) = engines.fresh_url("postgresql"), SPOILED[named]
    async with opened(url, 1):
        await asyncio.to_thread(psql, url, spoil.format(url.rpartition("/")[2]))
    with pytest.raises(ValueError, match=named):
        await open_store(spoiled.format(as_weak(url) if "weak" in spoil else url))


async def test_a_user_with_just_the_permissions_that_are_needed_is_accepted(engines: Engines) -> None:
    url = engines.fresh_url("postgresql")
    async with opened(url, 1):
        await asyncio.to_thread(psql, url, GRANTS)
    async with opened(as_weak(url), 1) as (store,):
        assert await log(store, "") == []


@pytest.mark.parametrize("command", ["zadd", "xread", "xtrim", "expire"])
async def test_a_redis_user_is_refused_by_name_until_no_command_is_lacking(engines: Engines, command: str) -> None:
    url = engines.fresh_url("redis")
    weak_url = url.replace("redis://", "redis://weak:any@")
    with redis.Redis.from_url(url) as admin:
        admin.acl_setuser("weak", enabled=True, nopass=True, keys=["chat:*"], commands=["+@all", f"-{command}"])
        with pytest.raises(ValueError, match=rf"(?i){command}"):
            await open_store(weak_url)
        admin.acl_setuser("weak", enabled=True, commands=["+@all"])
    async with opened(weak_url, 1) as (store,):
        assert await log(store, "") == []
