"""What tests of stores share: two leases, drafts, a log, and several stores over one database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from servers.core.store import Lease, Limits, Store, open_store
from servers.core.stores import postgres_pool, redis_script
from servers.core.wire import Cursor, Draft, Event, Kind

ADA = Lease("room", "ada", "Ada", "window", seen_ms=1_000, expires_at_ms=2_000)
BOB = Lease("room", "bob", "Bob", "window", seen_ms=1_000, expires_at_ms=2_000)

LIMITS = Limits(connections=3, rooms=2, user_rooms=9)
PATIENCE_S = 60.0  # for a command: on a busy machine, the engine may write to its disk for seconds


def draft(body: str, client_id: str = "", sender: str = "ada", kind: Kind = Kind.MESSAGE) -> Draft:
    return Draft(kind, sender, sender.title(), body, at_ms=1_000, client_id=client_id)


async def join(store: Store, lease: Lease) -> Event | None:
    return await store.join(lease, LIMITS)


async def log(store: Store, room: str = "room") -> list[Event]:
    return list((await store.read(room, Cursor(store.epoch, 0), 1_000)).events)


@asynccontextmanager
async def opened(url: str, count: int = 2) -> AsyncIterator[list[Store]]:
    """Open several stores over one database, as so many processes would."""
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(redis_script, "COMMAND_S", PATIENCE_S)
        patch.setattr(postgres_pool, "COMMAND_S", PATIENCE_S)
        patch.setitem(postgres_pool.SETTINGS, "command_timeout", PATIENCE_S)
        stores = [await open_store(url) for _ in range(count)]
        for store in stores:
            stack.push_async_callback(store.close)
        yield stores
