"""The connections to PostgreSQL, which run the statements of `postgres_statements.sql`.

Teaches that one statement is one transaction, one round trip and one wait for the disk. Every result carries the epoch,
so that a database that was created again is detected. asyncpg prepares each statement once for each connection.
"""

import ast
import re
import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from servers.core.stores.faults import Faults
from servers.core.stores.refusals import CODES, LAYOUT, Declined, require_layout
from servers.core.stores.statements import statements
from servers.core.wire import Event, Kind

SCHEMA = files(__package__).joinpath("postgres.sql").read_text()
CONNECTIONS_MAX = 16
COMMAND_S = 5.0  # how long a statement may take, and how long it may wait for a connection
SETTINGS: dict[str, Any] = {
    "command_timeout": COMMAND_S,
    "server_settings": {"search_path": "chat", "application_name": "push-or-poll"},
}
FAILURES = (PostgresError, InterfaceError, InternalClientError, OSError)
SQL = statements("postgres_statements.sql")
TRY = re.compile("^-- try: (.*)", re.MULTILINE)


class PostgresPool:
    """Runs statements; passes the epoch of a result to `on_epoch`."""

    def __init__(self, url: str, on_epoch: Callable[[str], None]) -> None:
        self._url = url
        self._on_epoch = on_epoch
        self._faults = Faults()
        self._pool: asyncpg.Pool | None = None

    async def connect(self) -> asyncpg.Connection:
        """Return a connection of its own. Raises one of FAILURES."""
        connection: asyncpg.Connection = await asyncpg.connect(self._url, timeout=COMMAND_S, **SETTINGS)
        return connection

    async def prepare(self, connection: asyncpg.Connection) -> None:
        """Create missing tables and functions, and read the epoch. Several processes take turns.

        Raises one of FAILURES, or UnknownLayout.
        """
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('chat'))")
            is_there = await connection.fetchval(SQL["is_there"])
            if is_there:
                require_layout(await connection.fetchval(SQL["meta"], "layout"), "DROP SCHEMA chat CASCADE")
            # Running it again replaces changed functions, but locks out all other connections meanwhile.
            if not is_there or await connection.fetchval(SQL["meta"], "schema") != SCHEMA:
                await connection.execute(SCHEMA)
                await connection.execute(SQL["set_version"], SCHEMA)
                await connection.execute(SQL["start"], fresh_epoch(), str(LAYOUT))
            await connection.execute(SQL["notice_promotion"])
            self._on_epoch(await connection.fetchval(SQL["meta"], "epoch"))

    async def rehearse(self, connection: asyncpg.Connection) -> None:
        """Try every statement on this connection, and roll it back. Raises one of FAILURES.

        So a database that can never work is refused at the start, with the reason: its encoding lacks letters, its user
        lacks a permission, or it is a read-only standby. Otherwise every request would fail with "try again".
        """
        transaction = connection.transaction()
        await transaction.start()
        try:
            for statement in SQL.values():
                for arguments in TRY.findall(statement):
                    await connection.fetch(statement, *ast.literal_eval(arguments))
        finally:
            await transaction.rollback()

    async def open(self) -> None:
        """Open the pool with no connection at first: a minimum would be retried and logged throughout an outage."""
        self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=CONNECTIONS_MAX, **SETTINGS)

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Return the statement's rows. Raises Declined, or Unavailable if the database does not respond."""
        assert self._pool is not None
        try:
            async with self._pool.acquire(timeout=COMMAND_S) as connection:
                rows: list[Any] = await connection.fetch(statement, *arguments)
                return rows
        except FAILURES as error:
            code = getattr(error, "sqlstate", "")
            if code in CODES:
                raise Declined(code) from None
            raise self._faults.unavailable(error) from error

    async def fetch_with_epoch(self, statement: str, *arguments: Any) -> list[Any]:
        """Return the rows without the epoch, their first column, which goes to `on_epoch`. Raises as `fetch` does."""
        rows = await self.fetch(statement, *arguments)
        if rows:
            self._on_epoch(rows[0][0])
        return [row[1:] for row in map(tuple, rows)]

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()


def fresh_epoch() -> str:
    return secrets.token_hex(4)


def event_of(row: tuple[Any, ...]) -> Event:
    """Return the event of a row, without its epoch."""
    room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms = row
    return Event(room, seq, Kind(kind), sender, name, body.decode(), at_ms, client_id, expires_at_ms)
