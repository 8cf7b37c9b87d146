"""The samples of several generator processes as those of one: exact, since everything carries its own name.

Teaches what makes a distributed measurement exact: rows are put together, never averaged. Users have numbers that are
theirs alone, events have a place in their room's log, and all moments are converted to the coordinator's clock. Pure.
"""

from collections.abc import Iterator, Sequence
from functools import reduce

from loadtests.accounts.accounting import Place
from loadtests.accounts.rows import LogEntry
from loadtests.accounts.samples import Samples
from loadtests.accounts.wire_bytes import ClientBytes

CONCATENATED = ("sessions", "reconnections", "offline", "requests", "troubles", "sent", "received", "ticks")
ADDED = ("send_retries", "send_failures", "redundant_frames", "wire_duplicates", "wire_reordered")


def merged(parts: Sequence[Samples]) -> Samples:
    """Return everything that was recorded; raises ValueError without parts."""
    if not parts:
        raise ValueError("merged: expected the samples of at least one process")
    if len(parts) == 1 and not parts[0].ahead_s:
        return parts[0]
    parts = [part.on_coordinator_clock() for part in parts]
    whole = Samples(window=parts[0].window, wall_clock_s=parts[0].wall_clock_s)
    for part in parts:
        whole.user_ids |= part.user_ids
        whole.machine_of |= part.machine_of
        whole.disconnected |= part.disconnected
        for name in (*CONCATENATED, *ADDED):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
    for event in log_of(parts, whole.user_ids):
        whole.add(event)
    whole.client_bytes = added([part.client_bytes for part in parts])
    return whole


def log_of(parts: Sequence[Samples], user_ids: dict[int, str]) -> Iterator[LogEntry]:
    """Yield every event that anybody saw once, with its sender's number, whichever process that user was in."""
    numbers = {user_id: number for number, user_id in user_ids.items()}
    known: set[Place] = set()
    for part in parts:
        strangers = {(room, seq): user_id for room, seq, user_id in part.strangers}
        for event in part.log():
            place = (event.room, event.seq)
            if place not in known:
                known.add(place)
                yield event._replace(sender=numbers.get(strangers[place], -1)) if place in strangers else event


def added(parts: Sequence[ClientBytes | None]) -> ClientBytes | None:
    """Return the bytes of all processes; None if one of them could not count."""
    counted = [part for part in parts if part is not None]
    return reduce(ClientBytes.plus, counted) if len(counted) == len(parts) else None
