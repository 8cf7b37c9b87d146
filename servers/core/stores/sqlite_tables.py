"""The tables of the embedded store, and every statement on them: plain functions over a connection, no threads.

Those that write run inside a transaction that the caller holds, check before they write, and add the events they
append to `events`.
"""

import sqlite3
from pathlib import Path

from msgspec.structs import asdict, astuple

from servers.core.store import DELETE_AFTER_MS, Lease
from servers.core.stores.refusals import refusal
from servers.core.wire import Draft, Event, Kind, Member

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    room TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL, name TEXT NOT NULL,
    body TEXT NOT NULL, at_ms INTEGER NOT NULL, client_id TEXT NOT NULL, expires_at_ms INTEGER,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (room, sender, client_id) WHERE client_id != '';
CREATE INDEX IF NOT EXISTS by_kind ON events (room, kind, seq);
CREATE TABLE IF NOT EXISTS members (
    room TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, online INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connections (
    room TEXT NOT NULL, user TEXT NOT NULL, connection TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL, PRIMARY KEY (room, user, connection)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, user TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
"""

COLUMNS = "room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms"
INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SENT_BEFORE = f"SELECT {COLUMNS} FROM events WHERE room = ? AND sender = ? AND client_id = ?"
READ = f"SELECT {COLUMNS} FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?"
HISTORY = f"SELECT {COLUMNS} FROM events WHERE room = ? AND kind = 'message' AND seq < ? ORDER BY seq DESC LIMIT ?"
HEAD = "SELECT COALESCE(MAX(seq), 0) FROM events WHERE room = ?"
RECEIPTS = """
SELECT sender, MAX(CAST(body AS INTEGER)) FROM events WHERE room = ? AND kind = 'receipt' GROUP BY sender"""
MEMBERS = """
SELECT user, name, online, MAX(last_seen_ms, COALESCE((
    SELECT MAX(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user = m.user), 0))
FROM members AS m WHERE room = ? ORDER BY name, user"""
ROOMS_IF_NEW = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM members WHERE room = ?) THEN 0
ELSE (SELECT COUNT(DISTINCT room) FROM members) END"""
CLAIM = """
INSERT INTO names (name, user, until_ms) VALUES (:name, :user, :until_ms)
ON CONFLICT (name) DO UPDATE SET user = :user, until_ms = MAX(until_ms, :until_ms)
WHERE user = :user OR until_ms <= :now_ms"""
TOUCH = """
INSERT INTO connections (room, user, connection, seen_ms, expires_at_ms)
VALUES (:room, :user, :connection, :seen_ms, :expires_at_ms)
ON CONFLICT DO UPDATE SET seen_ms = :seen_ms, expires_at_ms = MAX(expires_at_ms, :expires_at_ms)"""
COME_ONLINE = """
INSERT INTO members (room, user, name, online, last_seen_ms) VALUES (:room, :user, :name, 1, :seen_ms)
ON CONFLICT DO UPDATE SET online = 1, last_seen_ms = :seen_ms WHERE online = 0
RETURNING user"""
GO_OFFLINE = """
UPDATE members SET online = 0, last_seen_ms = :seen_ms
WHERE room = :room AND user = :user AND online = 1 AND NOT EXISTS (
    SELECT 1 FROM connections WHERE room = :room AND user = :user AND expires_at_ms > :now_ms)
RETURNING name"""
EXPIRED = """
SELECT room, user, COALESCE((
    SELECT MAX(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user = m.user), last_seen_ms)
FROM members AS m WHERE online = 1 AND NOT EXISTS (
    SELECT 1 FROM connections AS c WHERE c.room = m.room AND c.user = m.user AND c.expires_at_ms > ?)"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file in WAL mode, so that reading never waits for writing; any thread may use the connection."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database


def epoch_of(database: sqlite3.Connection, fresh: str) -> str:
    """Return the log's epoch; `fresh` becomes it when the log is new."""
    database.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (fresh,))
    epoch: str = database.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
    return epoch


def append(database: sqlite3.Connection, events: list[Event], room: str, draft: Draft) -> Event:
    """Add one event; a repeated client_id returns the first one instead."""
    event = Event(room, head(database, room) + 1, *astuple(draft))
    try:
        database.execute(INSERT, astuple(event))
    except sqlite3.IntegrityError:  # the index `once`: cheaper than a query before each insert, and SQLite undoes it
        return _event(database.execute(SENT_BEFORE, (room, draft.sender, draft.client_id)).fetchone())
    events.append(event)
    return event


def read(database: sqlite3.Connection, room: str, after: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(READ, (room, after, limit))))


def history(database: sqlite3.Connection, room: str, before: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(HISTORY, (room, before, limit)).fetchall()[::-1]))


def head(database: sqlite3.Connection, room: str) -> int:
    seq: int = database.execute(HEAD, (room,)).fetchone()[0]
    return seq


def receipts(database: sqlite3.Connection, room: str) -> dict[str, int]:
    return dict(database.execute(RECEIPTS, (room,)).fetchall())


def members(database: sqlite3.Connection, room: str) -> tuple[Member, ...]:
    rows = database.execute(MEMBERS, (room,))
    return tuple(Member(user, name, bool(online), seen_ms) for user, name, online, seen_ms in rows)


def is_member(database: sqlite3.Connection, room: str, user: str) -> bool:
    found = database.execute("SELECT 1 FROM connections WHERE room = ? AND user = ? LIMIT 1", (room, user))
    return found.fetchone() is not None


def claim_name(database: sqlite3.Connection, name: str, user: str, now_ms: int, until_ms: int) -> bool:
    claim = {"name": name.casefold(), "user": user, "now_ms": now_ms, "until_ms": until_ms}
    return database.execute(CLAIM, claim).rowcount == 1


def join(
    database: sqlite3.Connection, events: list[Event], lease: Lease, connections_max: int, rooms_max: int
) -> Event | None:
    """Add a connection, within the limits and under a free name; the user may come online."""
    others = "SELECT COUNT(*) FROM connections WHERE room = :room AND user = :user AND connection != :connection"
    if database.execute(others, asdict(lease)).fetchone()[0] >= connections_max:
        raise refusal("CONNS", lease, connections_max, rooms_max)
    if database.execute(ROOMS_IF_NEW, (lease.room,)).fetchone()[0] >= rooms_max:
        raise refusal("ROOMS", lease, connections_max, rooms_max)
    if not claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms):
        raise refusal("NAMED", lease)
    return _renew(database, events, lease)


def touch(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    """Renew the lease of a known connection; the user may come back online."""
    known = "SELECT 1 FROM connections WHERE room = :room AND user = :user AND connection = :connection"
    if database.execute(known, asdict(lease)).fetchone() is None:
        raise refusal("NJOIN", lease)
    claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms)
    return _renew(database, events, lease)


def release(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    """Delete a connection; the user may go offline."""
    delete = "DELETE FROM connections WHERE room = :room AND user = :user AND connection = :connection"
    database.execute(delete, asdict(lease))
    return _go_offline(database, events, lease.room, lease.user, lease.seen_ms, lease.seen_ms)


def expire(database: sqlite3.Connection, events: list[Event], now_ms: int) -> list[Event]:
    """Take everyone offline whose leases have expired, and delete connections and names that expired long ago."""
    events_or_none = [
        _go_offline(database, events, room, user, now_ms, seen_ms)
        for room, user, seen_ms in database.execute(EXPIRED, (now_ms,)).fetchall()
    ]
    database.execute("DELETE FROM connections WHERE expires_at_ms < ?", (now_ms - DELETE_AFTER_MS,))
    database.execute("DELETE FROM names WHERE until_ms < ?", (now_ms - DELETE_AFTER_MS,))
    return [event for event in events_or_none if event is not None]


def _renew(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    database.execute(TOUCH, asdict(lease))
    if database.execute(COME_ONLINE, asdict(lease)).fetchone() is None:
        return None
    draft = Draft(Kind.PRESENCE, lease.user, lease.name, "online", lease.seen_ms)
    return append(database, events, lease.room, draft)


def _go_offline(
    database: sqlite3.Connection, events: list[Event], room: str, user: str, now_ms: int, seen_ms: int
) -> Event | None:
    values = {"room": room, "user": user, "now_ms": now_ms, "seen_ms": seen_ms}
    row = database.execute(GO_OFFLINE, values).fetchone()
    if row is None:
        return None
    return append(database, events, room, Draft(Kind.PRESENCE, user, row[0], "offline", now_ms))


def _event(row: tuple[str, int, str, str, str, str, int, str, int | None]) -> Event:
    room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms = row
    return Event(room, seq, Kind(kind), sender, name, body, at_ms, client_id, expires_at_ms)
