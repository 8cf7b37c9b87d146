"""Every statement of the store, tried when it opens, and rolled back.

Teaches to refuse at the start, and by name, a database that can never work: one whose encoding lacks letters, a user
who lacks a permission, a standby that is read only. Otherwise each request would be answered with "try again", for
ever. Nobody can have this room or this name, which are empty.
"""

from typing import Any

import asyncpg

from servers.core.stores import postgres_pool as sql

NAME = "Zoë 日本 🙂"
KEY = ROOM = USER = CONNECTION = HOLDER = ""
NEVER_MS, ALWAYS_MS = -1, 1 << 62
LEASE = (ROOM, USER, NAME, CONNECTION, 0, 1, HOLDER, KEY)
LIMITS = (1, 1 << 30, 1)
STATEMENTS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (sql.CLAIM, (KEY, USER, 0, 1)),
    (sql.JOIN, (*LEASE, *LIMITS)),
    (sql.APPEND, (ROOM, "message", USER, NAME, b"", 0, "id", None)),
    (sql.MARK_READ, (ROOM, USER, NAME, 1, 0)),
    (sql.TOUCH, (*LEASE, *LIMITS)),
    (sql.READ, (ROOM, "", 0, 1)),
    (sql.HISTORY, (ROOM, 1, 1)),
    (sql.HEADS, ([ROOM],)),
    (sql.IS_MEMBER, (ROOM, USER)),
    (sql.MEMBERS, (ROOM, 1)),
    (sql.SHORTEN_LEASES, (ALWAYS_MS,)),
    (sql.SHORTEN_CLAIMS, (ALWAYS_MS,)),
    (sql.EXPIRED, (NEVER_MS,)),
    (sql.DELETE_CONNECTIONS, (NEVER_MS,)),
    (sql.DELETE_NAMES, (NEVER_MS,)),
    (sql.RELEASE, (ROOM, USER, CONNECTION, 0, HOLDER, KEY)),
    (sql.GO_OFFLINE, (ROOM, USER, 0, 0)),
    (sql.SET_NEW_EPOCH, ("", "")),
)


async def rehearse(connection: asyncpg.Connection) -> None:
    """Try every statement on this connection; nothing of it remains. Raises one of FAILURES."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for statement, arguments in STATEMENTS:
            await connection.fetch(statement, *arguments)
    finally:
        await transaction.rollback()
