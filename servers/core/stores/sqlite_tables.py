"""The tables of the embedded store, and every statement on them: plain functions over a connection, no threads.

Those that write run inside a transaction that the caller holds, check before they write, and add the events they
append to `events`.
"""

import sqlite3
from pathlib import Path

from msgspec.structs import asdict, astuple

from servers.core.names import name_key
from servers.core.store import DELETE_AFTER_MS, Lease, Limits
from servers.core.stores.refusals import refusal
from servers.core.wire import Draft, Event, Kind, Member

UPGRADE = """
BEGIN IMMEDIATE;
ALTER TABLE members ADD COLUMN read_up_to INTEGER NOT NULL DEFAULT 0;
UPDATE members SET read_up_to = up_to FROM (
    SELECT room AS its_room, sender, MAX(CAST(body AS INTEGER)) AS up_to FROM events WHERE kind = 'receipt'
    GROUP BY room, sender) WHERE room = its_room AND user = sender;
DROP INDEX once;
COMMIT;
"""
"""For a file of an earlier version, in which receipts were not folded, and had client_ids too."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    room TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL, name TEXT NOT NULL,
    body TEXT NOT NULL, at_ms INTEGER NOT NULL, client_id TEXT NOT NULL, expires_at_ms INTEGER,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (room, sender, client_id)
WHERE kind = 'message' AND client_id != '';
CREATE INDEX IF NOT EXISTS by_kind ON events (room, kind, seq);
CREATE TABLE IF NOT EXISTS members (
    room TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, online INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,
    read_up_to INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_online ON members (room, user) WHERE online = 1;
CREATE INDEX IF NOT EXISTS users_online ON members (user) WHERE online = 1;
CREATE INDEX IF NOT EXISTS members_seen ON members (room, online, last_seen_ms);
CREATE TABLE IF NOT EXISTS connections (
    room TEXT NOT NULL, user TEXT NOT NULL, connection TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL, PRIMARY KEY (room, user, connection)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS connections_expire ON connections (expires_at_ms);
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, user TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_expire ON names (until_ms);
"""

COLUMNS = "room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms"
INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SENT_BEFORE = f"""
SELECT {COLUMNS} FROM events
WHERE room = ? AND sender = ? AND client_id = ? AND kind = 'message' AND client_id != ''"""  # so the index is used
READ = f"SELECT {COLUMNS} FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?"
HISTORY = f"SELECT {COLUMNS} FROM events WHERE room = ? AND kind = 'message' AND seq < ? ORDER BY seq DESC LIMIT ?"
HEAD = "SELECT COALESCE(MAX(seq), 0) FROM events WHERE room = ?"
READ_UP_TO = """
UPDATE members SET read_up_to = :up_to WHERE room = :room AND user = :user AND read_up_to < :up_to"""
MEMBERS = """
SELECT user, name, online, MAX(last_seen_ms, COALESCE((
    SELECT MAX(seen_ms) FROM connections AS c WHERE c.room = m.room AND c.user = m.user), 0)), read_up_to
FROM members AS m WHERE room = ? ORDER BY online DESC, last_seen_ms DESC LIMIT ?"""
OTHER_CONNECTIONS = """
SELECT COUNT(*) FROM connections
WHERE room = :room AND user = :user AND connection != :connection AND expires_at_ms > :seen_ms"""
ROOMS_IN_USE_IF_EMPTY = """
WITH RECURSIVE used (room) AS (  -- from each room to the next by the index, however many people are online in it
    SELECT MIN(room) FROM members WHERE online = 1
    UNION ALL
    SELECT (SELECT MIN(room) FROM members WHERE online = 1 AND room > used.room) FROM used WHERE room IS NOT NULL)
SELECT CASE WHEN EXISTS (SELECT 1 FROM members WHERE online = 1 AND room = :room) THEN 0
ELSE (SELECT COUNT(room) FROM used) END"""
ROOMS_OF_USER_IF_OFFLINE = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM members WHERE online = 1 AND room = :room AND user = :user) THEN 0
ELSE (SELECT COUNT(*) FROM members WHERE online = 1 AND user = :user) END"""
CLAIM = """
INSERT INTO names (name, user, until_ms) VALUES (:name, :user, :until_ms)
ON CONFLICT (name) DO UPDATE SET user = :user, until_ms = :until_ms
WHERE user = :user OR until_ms <= :now_ms"""
FREE_NAME = """
DELETE FROM names WHERE name = :name AND user = :user
AND NOT EXISTS (SELECT 1 FROM members WHERE user = :user AND online = 1)"""
TOUCH = """
INSERT INTO connections (room, user, connection, seen_ms, expires_at_ms)
VALUES (:room, :user, :connection, :seen_ms, :expires_at_ms)
ON CONFLICT DO UPDATE SET seen_ms = :seen_ms, expires_at_ms = :expires_at_ms"""
COME_ONLINE = """
INSERT INTO members (room, user, name, online, last_seen_ms) VALUES (:room, :user, :name, 1, :seen_ms)
ON CONFLICT DO UPDATE SET online = 1, last_seen_ms = :seen_ms WHERE online = 0
RETURNING user"""
GO_OFFLINE = """
UPDATE members SET online = 0, last_seen_ms = :seen_ms
WHERE room = :room AND user = :user AND online = 1 AND NOT EXISTS (
    SELECT 1 FROM connections WHERE room = :room AND user = :user AND expires_at_ms > :now_ms)
RETURNING name"""
SHORTEN_LEASES = "UPDATE connections SET expires_at_ms = :latest_ms WHERE expires_at_ms > :latest_ms"
SHORTEN_CLAIMS = "UPDATE names SET until_ms = :latest_ms WHERE until_ms > :latest_ms"
KEEP_LEASES = """
UPDATE connections SET expires_at_ms = ?
WHERE (room, user) IN (SELECT room, user FROM members WHERE online = 1)"""
KEEP_CLAIM = "UPDATE names SET until_ms = ? WHERE name = ? AND user = ?"
ONLINE = "SELECT name, user FROM members WHERE online = 1"
NEVER_MS = 1 << 62
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


def prepare(database: sqlite3.Connection) -> None:
    """Create the tables, or upgrade those of an earlier version."""
    columns = {column for _, column, *_ in database.execute("PRAGMA table_info(members)")}
    if columns and "read_up_to" not in columns:
        database.executescript(UPGRADE)
    database.executescript(SCHEMA)


def epoch_of(database: sqlite3.Connection, fresh: str) -> str:
    """Return the log's epoch; `fresh` becomes it when the log is new."""
    database.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (fresh,))
    epoch: str = database.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
    return epoch


def keep_online(database: sqlite3.Connection) -> None:
    """Have those online keep their leases and names until `expire` shortens them to one more lease.

    Nobody could renew them while no server ran, and the clock may have been set since.
    """
    database.execute("BEGIN IMMEDIATE")  # one wait for the disk, however many are online
    database.execute(KEEP_LEASES, (NEVER_MS,))
    for name, user in database.execute(ONLINE).fetchall():
        database.execute(KEEP_CLAIM, (NEVER_MS, name_key(name), user))
    database.execute("COMMIT")


def append(database: sqlite3.Connection, events: list[Event], room: str, draft: Draft) -> Event:
    """Add one event; a repeated client_id returns the first one instead."""
    event = Event(room, head(database, room) + 1, *astuple(draft))
    try:
        database.execute(INSERT, astuple(event))
    except sqlite3.IntegrityError:  # the index `once`: cheaper than a query before each insert, and SQLite undoes it
        return _event(database.execute(SENT_BEFORE, (room, draft.sender, draft.client_id)).fetchone())
    events.append(event)
    return event


def mark_read(database: sqlite3.Connection, events: list[Event], room: str, draft: Draft) -> Event | None:
    """Add a receipt, unless its sender had read so far already."""
    values = {"room": room, "user": draft.sender, "up_to": int(draft.body)}
    return append(database, events, room, draft) if database.execute(READ_UP_TO, values).rowcount else None


def read(database: sqlite3.Connection, room: str, after: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(READ, (room, after, limit))))


def history(database: sqlite3.Connection, room: str, before: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(HISTORY, (room, before, limit)).fetchall()[::-1]))


def head(database: sqlite3.Connection, room: str) -> int:
    seq: int = database.execute(HEAD, (room,)).fetchone()[0]
    return seq


def members(database: sqlite3.Connection, room: str, limit: int) -> dict[Member, int]:
    rows = database.execute(MEMBERS, (room, limit)).fetchall()
    found = [(Member(user, name, bool(online), seen_ms), up_to) for user, name, online, seen_ms, up_to in rows]
    return dict(sorted(found, key=lambda row: (row[0].name, row[0].user)))


def is_member(database: sqlite3.Connection, room: str, user: str) -> bool:
    found = database.execute("SELECT 1 FROM connections WHERE room = ? AND user = ? LIMIT 1", (room, user))
    return found.fetchone() is not None


def claim_name(database: sqlite3.Connection, name: str, user: str, now_ms: int, until_ms: int) -> bool:
    claim = {"name": name_key(name), "user": user, "now_ms": now_ms, "until_ms": until_ms}
    return database.execute(CLAIM, claim).rowcount == 1


def join(database: sqlite3.Connection, events: list[Event], lease: Lease, limits: Limits) -> Event | None:
    """Add a connection, within the limits and under a free name; the user may come online."""
    if database.execute(OTHER_CONNECTIONS, asdict(lease)).fetchone()[0] >= limits.connections:
        raise refusal("CONNS", lease, limits)
    _check_rooms(database, lease, limits)
    if not claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms):
        raise refusal("NAMED", lease)
    return _renew(database, events, lease)


def touch(database: sqlite3.Connection, events: list[Event], lease: Lease, limits: Limits) -> Event | None:
    """Renew the lease of a known connection; the user may come back online, within the limits."""
    known = "SELECT 1 FROM connections WHERE room = :room AND user = :user AND connection = :connection"
    if database.execute(known, asdict(lease)).fetchone() is None:
        raise refusal("NJOIN", lease)
    _check_rooms(database, lease, limits)
    claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms)
    return _renew(database, events, lease)


def release(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    """Delete a connection; the user may go offline. A goodbye frees the name."""
    delete = "DELETE FROM connections WHERE room = :room AND user = :user AND connection = :connection"
    database.execute(delete, asdict(lease))
    event = _go_offline(database, events, lease.room, lease.user, lease.seen_ms, lease.seen_ms)
    if not lease.holder:
        database.execute(FREE_NAME, {"name": name_key(lease.name), "user": lease.user})
    return event


def expire(database: sqlite3.Connection, events: list[Event], now_ms: int, lease_ms: int) -> list[Event]:
    """Take everyone offline whose leases have expired, and delete names, and connections that expired long ago."""
    database.execute(SHORTEN_LEASES, {"latest_ms": now_ms + lease_ms})
    database.execute(SHORTEN_CLAIMS, {"latest_ms": now_ms + lease_ms})
    events_or_none = [
        _go_offline(database, events, room, user, now_ms, seen_ms)
        for room, user, seen_ms in database.execute(EXPIRED, (now_ms,)).fetchall()
    ]
    database.execute("DELETE FROM connections WHERE expires_at_ms < ?", (now_ms - DELETE_AFTER_MS,))
    database.execute("DELETE FROM names WHERE until_ms < ?", (now_ms,))
    return [event for event in events_or_none if event is not None]


def _check_rooms(database: sqlite3.Connection, lease: Lease, limits: Limits) -> None:
    """Raise TooMany if the user would come online in one room too many."""
    if database.execute(ROOMS_OF_USER_IF_OFFLINE, asdict(lease)).fetchone()[0] >= limits.user_rooms:
        raise refusal("UROOM", lease, limits)
    if database.execute(ROOMS_IN_USE_IF_EMPTY, asdict(lease)).fetchone()[0] >= limits.rooms:
        raise refusal("ROOMS", lease, limits)


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
