"""How far each user has read: a fold over the log, never a state of its own.

Teaches that "read" needs one number per reader, not one mark per message, and that it only ever grows.
"""

from collections.abc import Iterable, Mapping

from servers.core.auth import Identity
from servers.core.wire import Draft, Event, Kind


def receipt(identity: Identity, up_to: int, now_ms: int) -> Draft:
    """Return the receipt for everything up to and including seq `up_to`; sent twice, it is stored once."""
    return Draft(Kind.RECEIPT, identity.user, identity.name, str(up_to), now_ms, client_id=f"read-{up_to}")


def fold(receipts: Mapping[str, int], events: Iterable[Event]) -> dict[str, int]:
    """Return how far each user has read once the events have been seen."""
    furthest = dict(receipts)
    for event in events:
        if event.kind is Kind.RECEIPT:
            furthest[event.sender] = max(furthest.get(event.sender, 0), int(event.body))
    return furthest
