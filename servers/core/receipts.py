"""How far each user has read: one number per reader, not one mark per message, and it only ever grows.

Teaches that receipts need no state of their own: they are events, and whoever folds the log knows who has read what.
"""

from servers.core.auth import Identity
from servers.core.wire import Draft, Kind


def receipt(identity: Identity, up_to: int, now_ms: int) -> Draft:
    """Return the receipt for everything up to and including seq `up_to`; sent twice, it is stored once."""
    return Draft(Kind.RECEIPT, identity.user, identity.name, str(up_to), now_ms, client_id=f"read-{up_to}")
