"""Every statement of the store, tried when it opens, and rolled back.

Teaches to refuse at the start, and by name, a database that can never work: one whose encoding lacks letters, a user
who lacks a permission, a standby that is read only. Otherwise each request would be answered with "try again", for
ever. Nobody can have this room or this name, which are empty.
"""

from typing import Any

import asyncpg

from servers.core.stores.postgres_pool import SQL

NAME = "Zoë 日本 🙂"
KEY = ROOM = USER = CONNECTION = HOLDER = ""
NEVER_MS, ALWAYS_MS = -1, 1 << 62
LEASE = (ROOM, USER, NAME, CONNECTION, 0, 1, HOLDER, KEY)
LIMITS = (1, 1 << 30, 1)
STATEMENTS: dict[str, tuple[Any, ...]] = {
    "claim": (KEY, USER, 0, 1),
    "join": (*LEASE, *LIMITS),
    "append": (ROOM, "message", USER, NAME, b"", 0, "id", None),
    "mark_read": (ROOM, USER, NAME, 1, 0),
    "touch": (*LEASE, *LIMITS),
    "read": (ROOM, "", 0, 1),
    "history": (ROOM, 1, 1),
    "heads": ([ROOM],),
    "is_member": (ROOM, USER),
    "members": (ROOM, 1),
    "shorten_leases": (ALWAYS_MS,),
    "shorten_claims": (ALWAYS_MS,),
    "expired": (NEVER_MS,),
    "delete_connections": (NEVER_MS,),
    "delete_names": (NEVER_MS,),
    "release": (ROOM, USER, CONNECTION, 0, HOLDER, KEY),
    "go_offline": (ROOM, USER, 0, 0),
    "set_new_epoch": ("", ""),
}


async def rehearse(connection: asyncpg.Connection) -> None:
    """Try every statement on this connection; nothing of it remains. Raises one of FAILURES."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for name, arguments in STATEMENTS.items():
            await connection.fetch(SQL[name], *arguments)
    finally:
        await transaction.rollback()
