"""The connections to PostgreSQL, and every statement: see postgres.sql for the functions that change anything.

Teaches that one statement is one transaction, one round trip and one wait for the disk. Every result carries the epoch,
so that a database that was created anew is detected. asyncpg prepares each statement once for each connection.
"""

import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from servers.core.stores.refusals import CODES, Declined, Faults
from servers.core.wire import Event, Kind

SCHEMA = files(__package__).joinpath("postgres.sql").read_text()
CONNECTIONS_MAX = 16
COMMAND_S = 5.0
"""How long a statement may take, and how long it may wait for a connection."""

UPGRADE_S = 600.0
"""How long it may take to upgrade the tables of an earlier version, or to wait for another process that does."""

SETTINGS = {"search_path": "chat", "application_name": "push-or-poll"}
FAILURES = (PostgresError, InterfaceError, InternalClientError, OSError)
EPOCH = "(SELECT value FROM meta WHERE key = 'epoch')"
FIELDS = "room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms"
"""In the order of Event's; after the epoch, every row of events has these."""

IS_THERE = "SELECT to_regclass('chat.meta') IS NOT NULL"
VERSION = "SELECT value FROM meta WHERE key = 'schema'"  # creating it again would lock out everybody
SET_VERSION = "INSERT INTO meta VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = $1"
SET_EPOCH = "INSERT INTO meta VALUES ('epoch', $1), ('timeline', timeline()) ON CONFLICT DO NOTHING"
NOTICE_PROMOTION = "SELECT notice_promotion()"
READ = f"""
SELECT value, e.* FROM meta LEFT JOIN LATERAL (
    SELECT {FIELDS} FROM events WHERE room = $1 AND seq > CASE value WHEN $2 THEN $3::bigint ELSE 0 END
    ORDER BY seq LIMIT $4) AS e ON true
WHERE key = 'epoch'"""
HISTORY = f"""
SELECT {EPOCH}, {FIELDS} FROM events WHERE room = $1 AND kind = 'message' AND seq < $2 ORDER BY seq DESC LIMIT $3"""
HEADS = """
SELECT value, room, head FROM meta LEFT JOIN rooms ON room = ANY($1::text[]) WHERE key = 'epoch'"""
SET_NEW_EPOCH = "UPDATE meta SET value = $2 WHERE key = 'epoch' AND value = $1"
CLAIM = "SELECT claim($1, $2, $3, $4)"
APPEND = "SELECT its_epoch(), * FROM append($1, $2, $3, $4, $5, $6, $7, $8)"
MARK_READ = "SELECT its_epoch(), * FROM mark_read($1, $2, $3, $4, $5)"
JOIN = "SELECT its_epoch(), * FROM join_room($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
TOUCH = "SELECT its_epoch(), * FROM touch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
RELEASE = "SELECT its_epoch(), * FROM release($1, $2, $3, $4, $5, $6)"
GO_OFFLINE = "SELECT its_epoch(), * FROM go_offline($1, $2, $3, $4)"
SEEN = """(SELECT max(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user_id = m.user_id)"""
EXPIRED = f"""
SELECT room, user_id, coalesce({SEEN}, last_seen_ms) FROM members AS m WHERE online AND NOT EXISTS (
    SELECT FROM connections AS c WHERE c.room = m.room AND c.user_id = m.user_id AND c.expires_at_ms > $1)"""
NOW = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
SHORTEN_LEASES = "UPDATE connections SET expires_at_ms = $1 WHERE expires_at_ms > $1"
SHORTEN_CLAIMS = "UPDATE names SET until_ms = $1 WHERE until_ms > $1"
DELETE_CONNECTIONS = "DELETE FROM connections WHERE expires_at_ms < $1"
DELETE_NAMES = "DELETE FROM names WHERE until_ms < $1"
IS_MEMBER = "SELECT EXISTS (SELECT FROM connections WHERE room = $1 AND user_id = $2)"
MEMBERS = f"""
SELECT user_id, name, online, greatest(last_seen_ms, {SEEN}), read_up_to FROM members AS m WHERE room = $1
ORDER BY online DESC, last_seen_ms DESC LIMIT $2"""


class PostgresPool:
    """Runs statements; passes the epoch of a result to `on_epoch`."""

    def __init__(self, url: str, on_epoch: Callable[[str], None]) -> None:
        self._url = url
        self._on_epoch = on_epoch
        self._faults = Faults()
        self._pool: asyncpg.Pool | None = None

    async def connect(self) -> asyncpg.Connection:
        """Return a connection of its own. Raises one of FAILURES."""
        connection: asyncpg.Connection = await asyncpg.connect(
            self._url, timeout=COMMAND_S, command_timeout=COMMAND_S, server_settings=SETTINGS
        )
        return connection

    async def prepare(self, connection: asyncpg.Connection) -> None:
        """Create what is missing, and read the epoch. Several processes take turns. Raises one of FAILURES."""
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('chat'))", timeout=UPGRADE_S)
            if not await connection.fetchval(IS_THERE) or await connection.fetchval(VERSION) != SCHEMA:
                await connection.execute(SCHEMA, timeout=UPGRADE_S)
                await connection.execute(SET_VERSION, SCHEMA)
                await connection.execute(SET_EPOCH, fresh_epoch())
            await connection.execute(NOTICE_PROMOTION)
            self._on_epoch(await connection.fetchval(f"SELECT {EPOCH}"))

    async def open(self) -> None:
        """Open the pool, without a connection: a least number is restored in vain, and loudly, during an outage."""
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=CONNECTIONS_MAX, command_timeout=COMMAND_S, server_settings=SETTINGS
        )

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Return the statement's rows. Raises Declined, or Unavailable if the database does not respond."""
        assert self._pool is not None
        try:
            async with self._pool.acquire(timeout=COMMAND_S) as connection:
                rows: list[Any] = await connection.fetch(statement, *arguments)
                return rows
        except FAILURES as error:
            if (code := getattr(error, "sqlstate", "")) in CODES:
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


def event(row: tuple[Any, ...]) -> Event:
    """Return the event of a row of FIELDS."""
    room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms = row
    return Event(room, seq, Kind(kind), sender, name, body.decode(), at_ms, client_id, expires_at_ms)
