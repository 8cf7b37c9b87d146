"""Opening a shared store, with TLS or few permissions; an unfit one is refused for good, with the reason."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis
import trustme

from servers.core.store import open_store
from servers.core.wire import Cursor
from servers.deploy.child_process import free_port
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import UNPRIVILEGED, postgres_server, redis_server
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines, psql
from tests.support.stores import draft, log, opened

pytestmark = pytest.mark.process
GRANTS = """
DO $$ BEGIN CREATE ROLE weak LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
GRANT USAGE ON SCHEMA chat TO weak;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chat TO weak"""

SPOILED = {
    "LATIN1": ("CREATE DATABASE {}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", "chat", "_latin"),
    "permission denied for table connections": (f"{GRANTS}; REVOKE DELETE ON chat.connections FROM weak", "weak", ""),
    "read-only transaction": ("ALTER DATABASE {} SET default_transaction_read_only = on", "chat", ""),
}
"""For each reason of a refusal: the statements that make a database unfit, who opens it, and its name's suffix."""


@pytest.mark.parametrize("reason", SPOILED)
async def test_an_unfit_postgresql_is_refused_with_the_reason(engines: Engines, reason: str) -> None:
    statements, user, suffix = SPOILED[reason]
    url = engines.fresh_url("postgresql")
    async with opened(url, 1):
        await asyncio.to_thread(psql, url, statements.format(url.rpartition("/")[2]))
    with pytest.raises(ValueError, match=reason):
        await open_store(url.replace("chat@", f"{user}@") + suffix)


def set_layout(url: str, folder: Path) -> None:
    """Give a database the number of another layout."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(folder / "chat.db")) as database:
            database.execute("PRAGMA user_version = 1")
    elif url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            client.set("chat:layout", 1)
    else:
        psql(url, "UPDATE chat.meta SET value = 1 WHERE key = 'layout'")


@pytest.mark.parametrize(
    ("scheme", "erase"), {"sqlite": "delete the file", "redis": "chat:", "postgresql": "DROP"}.items()
)
async def test_another_layout_is_refused_with_what_to_do(
    engines: Engines, scheme: str, erase: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/chat.db" if scheme == "sqlite" else engines.fresh_url(scheme)
    await (await open_store(url)).close()
    await asyncio.to_thread(set_layout, url, tmp_path)
    with pytest.raises(ValueError, match=rf"expected layout 2, got layout 1.*use another database, or .*{erase}"):
        await open_store(url)


async def test_a_user_with_just_the_permissions_that_are_needed_is_accepted(engines: Engines) -> None:
    url = engines.fresh_url("postgresql")
    async with opened(url, 1):
        await asyncio.to_thread(psql, url, GRANTS)
    async with opened(url.replace("chat@", "weak@"), 1) as (store,):
        assert await log(store, "") == []


@pytest.mark.parametrize("command", ["zadd", "xread", "xtrim", "expire", "time"])
async def test_a_redis_user_without_a_needed_command_is_refused_by_its_name(engines: Engines, command: str) -> None:
    url = engines.fresh_url("redis")
    weak_url = url.replace("redis://", "redis://weak:any@")
    with redis.Redis.from_url(url) as admin:
        admin.acl_setuser("weak", enabled=True, nopass=True, keys=["chat:*"], commands=["+@all", f"-{command}"])
        with pytest.raises(ValueError, match=rf"(?i)(Permission|Response)Error: .*\b{command}\b"):
            await open_store(weak_url)
        admin.acl_setuser("weak", enabled=True, commands=["+@all"])
    async with opened(weak_url, 1) as (store,):
        assert await log(store, "") == []


async def test_a_redis_without_config_is_accepted() -> None:
    with engine_folder() as folder, redis_server(folder, more=["--rename-command", "CONFIG", ""]) as engine:
        async with opened(engine.url, 1) as (store,):
            assert await log(store, "") == []


@pytest.fixture(scope="module")
def authority() -> Iterator[Path]:
    """A folder with a certificate and its key for loopback, and the authority that signed it; only owners read keys."""
    with engine_folder() as data:
        folder, signer = data.parent, trustme.CA()
        signer.cert_pem.write_to_path(str(folder / "ca.pem"))
        trustme.CA().cert_pem.write_to_path(str(folder / "another.pem"))
        certificate = signer.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "key.pem").chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(folder / "key.pem", UNPRIVILEGED)
        yield folder


@contextmanager
def engine_with_tls(scheme: str, authority: Path, folder: Path) -> Iterator[str]:
    """Run an engine that takes connections with TLS; yield its URL, up to the file of the authority to trust."""
    certificate, key = str(authority / "cert.pem"), str(authority / "key.pem")
    if scheme == "rediss":
        port = free_port()
        files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"]
        with redis_server(folder, more=["--tls-port", str(port), *files]):
            yield f"rediss://127.0.0.1:{port}/0?ssl_ca_certs="
    else:
        files = ["-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"]
        with postgres_server(folder, more=["-c", "ssl=on", *files]) as engine:
            yield engine.url.replace("postgresql", "postgres") + "?sslmode=verify-full&sslrootcert="


@pytest.mark.parametrize("scheme", ["rediss", "postgres"])
async def test_an_engine_is_reached_with_tls_and_only_with_a_certificate_to_trust(scheme: str, authority: Path) -> None:
    with engine_folder() as folder, engine_with_tls(scheme, authority, folder) as url:
        async with opened(f"{url}{authority}/ca.pem", 1) as (store,):
            assert (await store.append("room", draft("hello"))).seq == 1
            assert await store.wait("room", Cursor(store.epoch, 0), DEADLINE_S)
        with pytest.raises(ValueError, match="CERTIFICATE_VERIFY_FAILED"):
            await open_store(f"{url}{authority}/another.pem")
