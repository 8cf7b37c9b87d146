"""The tables of the embedded store, as plain functions over a connection, no threads; `sqlite.sql` has the statements.

A function that writes runs inside the caller's transaction, checks before it writes, and adds the events that it
appends to `events`.
"""

import sqlite3
from pathlib import Path

from msgspec.structs import asdict, astuple

from servers.core.store import DELETE_AFTER_MS, Lease, Limits
from servers.core.stores.refusals import LAYOUT, refusal, require_layout
from servers.core.stores.statements import statements
from servers.core.validation import name_key
from servers.core.wire import Draft, Event, Kind, Member

SQL = statements("sqlite.sql")
NEVER_MS = 1 << 62


def connect(path: Path) -> sqlite3.Connection:
    """Open the file in WAL mode, so that reading never waits for writing; any thread may use the connection."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    return database


def prepare(database: sqlite3.Connection) -> None:
    """Create the tables in a new file, all or none. Raises UnknownLayout if there are others."""
    if database.execute("PRAGMA schema_version").fetchone()[0]:  # 0 in an empty file
        require_layout(database.execute("PRAGMA user_version").fetchone()[0], "delete the file")
    else:
        database.executescript(f"BEGIN IMMEDIATE; {SQL['schema']} PRAGMA user_version = {LAYOUT}; COMMIT")


def epoch_of(database: sqlite3.Connection, fresh: str) -> str:
    """Return the log's epoch; `fresh` becomes it when the log is new."""
    database.execute(SQL["start_epoch"], (fresh,))
    epoch: str = database.execute(SQL["epoch"]).fetchone()[0]
    return epoch


def keep_online(database: sqlite3.Connection) -> None:
    """Extend the leases and names of all online users, until `expire` shortens them to one more lease.

    They could not be renewed while no server ran, and the clock may have been set since.
    """
    database.execute("BEGIN IMMEDIATE")  # one wait for the disk, however many are online
    database.execute(SQL["keep_leases"], (NEVER_MS,))
    for name, user in database.execute(SQL["online"]).fetchall():
        database.execute(SQL["keep_claim"], (NEVER_MS, name_key(name), user))
    database.execute("COMMIT")


def append(database: sqlite3.Connection, events: list[Event], room: str, draft: Draft) -> Event:
    """Add one event; a repeated client_id returns the first one instead."""
    event = Event(room, head(database, room) + 1, *astuple(draft))
    try:
        database.execute(SQL["insert"], astuple(event))
    except sqlite3.IntegrityError:  # the index `once`: cheaper than a query before each insert, and SQLite undoes it
        return _event(database.execute(SQL["sent_before"], (room, draft.sender, draft.client_id)).fetchone())
    events.append(event)
    return event


def mark_read(database: sqlite3.Connection, events: list[Event], room: str, draft: Draft) -> Event | None:
    """Add a receipt, unless its sender had read so far already."""
    values = {"room": room, "user": draft.sender, "up_to": int(draft.body)}
    if database.execute(SQL["read_up_to"], values).rowcount == 0:
        return None
    return append(database, events, room, draft)


def read(database: sqlite3.Connection, room: str, after: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(SQL["read"], (room, after, limit))))


def history(database: sqlite3.Connection, room: str, before: int, limit: int) -> tuple[Event, ...]:
    return tuple(map(_event, database.execute(SQL["history"], (room, before, limit)).fetchall()[::-1]))


def head(database: sqlite3.Connection, room: str) -> int:
    seq: int = database.execute(SQL["head"], (room,)).fetchone()[0]
    return seq


def members(database: sqlite3.Connection, room: str, limit: int) -> dict[Member, int]:
    rows = database.execute(SQL["members"], (room, limit)).fetchall()
    found_members = [(Member(user, name, bool(online), seen_ms), up_to) for user, name, online, seen_ms, up_to in rows]
    return dict(sorted(found_members, key=lambda row: (row[0].name, row[0].user)))


def is_member(database: sqlite3.Connection, room: str, user: str) -> bool:
    return database.execute(SQL["is_member"], (room, user)).fetchone() is not None


def claim_name(database: sqlite3.Connection, name: str, user: str, now_ms: int, until_ms: int) -> bool:
    claim = {"name": name_key(name), "user": user, "now_ms": now_ms, "until_ms": until_ms}
    return database.execute(SQL["claim"], claim).rowcount == 1


def join(database: sqlite3.Connection, events: list[Event], lease: Lease, limits: Limits) -> Event | None:
    """Add a connection, within the limits and under a free name; the user may come online."""
    if database.execute(SQL["other_connections"], asdict(lease)).fetchone()[0] >= limits.connections:
        raise refusal("CONNS", lease, limits)
    _check_rooms(database, lease, limits)
    if not claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms):
        raise refusal("NAMED", lease)
    return _renew(database, events, lease)


def touch(database: sqlite3.Connection, events: list[Event], lease: Lease, limits: Limits) -> Event | None:
    """Renew the lease of a known connection; the user may come back online, within the limits."""
    if database.execute(SQL["is_known"], asdict(lease)).fetchone() is None:
        raise refusal("NJOIN", lease)
    _check_rooms(database, lease, limits)
    claim_name(database, lease.name, lease.user, lease.seen_ms, lease.expires_at_ms)
    return _renew(database, events, lease)


def release(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    """Delete a connection, unless another holds it; the user may go offline. A goodbye frees the name."""
    database.execute(SQL["keep_last_seen"], asdict(lease))
    database.execute(SQL["delete_connection"], asdict(lease))
    event = _go_offline(database, events, lease.room, lease.user, lease.seen_ms, lease.seen_ms)
    if not lease.holder:
        database.execute(SQL["free_name"], {"name": name_key(lease.name), "user": lease.user})
    return event


def expire(database: sqlite3.Connection, events: list[Event], now_ms: int, lease_ms: int) -> list[Event]:
    """Take everyone offline whose leases have expired, and delete names, and connections that expired long ago."""
    database.execute(SQL["shorten_leases"], {"latest_ms": now_ms + lease_ms})
    database.execute(SQL["shorten_claims"], {"latest_ms": now_ms + lease_ms})
    events_or_none = [
        _go_offline(database, events, room, user, now_ms, seen_ms)
        for room, user, seen_ms in database.execute(SQL["expired"], (now_ms,)).fetchall()
    ]
    database.execute(SQL["delete_connections"], (now_ms - DELETE_AFTER_MS,))
    database.execute(SQL["delete_names"], (now_ms,))
    return [event for event in events_or_none if event is not None]


def _check_rooms(database: sqlite3.Connection, lease: Lease, limits: Limits) -> None:
    """Raise TooMany if the user would come online in one room too many."""
    if database.execute(SQL["rooms_of_user_if_offline"], asdict(lease)).fetchone()[0] >= limits.user_rooms:
        raise refusal("UROOM", lease, limits)
    if database.execute(SQL["rooms_in_use_if_empty"], asdict(lease)).fetchone()[0] >= limits.rooms:
        raise refusal("ROOMS", lease, limits)


def _renew(database: sqlite3.Connection, events: list[Event], lease: Lease) -> Event | None:
    database.execute(SQL["touch"], asdict(lease))
    if database.execute(SQL["come_online"], asdict(lease)).fetchone() is None:
        return None
    draft = Draft(Kind.PRESENCE, lease.user, lease.name, "online", lease.seen_ms)
    return append(database, events, lease.room, draft)


def _go_offline(
    database: sqlite3.Connection, events: list[Event], room: str, user: str, now_ms: int, seen_ms: int
) -> Event | None:
    values = {"room": room, "user": user, "now_ms": now_ms, "seen_ms": seen_ms}
    row = database.execute(SQL["go_offline"], values).fetchone()
    if row is None:
        return None
    return append(database, events, room, Draft(Kind.PRESENCE, user, row[0], "offline", now_ms))


def _event(row: tuple[str, int, str, str, str, str, int, str, int | None]) -> Event:
    room, seq, kind, sender, name, body, at_ms, client_id, expires_at_ms = row
    return Event(room, seq, Kind(kind), sender, name, body, at_ms, client_id, expires_at_ms)
