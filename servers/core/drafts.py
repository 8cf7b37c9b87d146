"""Make the event of a command, still without its sequence number.

Teaches two things about notices. A typing notice carries its own expiry, since a client that merely stops sends
nothing: servers pass every notice on, and readers check whether it is still true. And a receipt is one number for each
reader, not one mark for each message: an event like any other, so that a fold of the log gives who has read what.
"""

from servers.core.auth import Identity
from servers.core.wire import Draft, Kind


def message(identity: Identity, text: str, client_id: str, now_ms: int) -> Draft:
    """Return a message; sent twice under the same client_id, it is stored once."""
    return Draft(Kind.MESSAGE, identity.user, identity.name, text, now_ms, client_id)


def typing_notice(identity: Identity, active: bool, now_ms: int, typing_s: float) -> Draft:
    """Return the notice that a user types, true for `typing_s` seconds, or has stopped."""
    expires_at_ms = now_ms + int(typing_s * 1000) if active else now_ms
    body = "started" if active else "stopped"
    return Draft(Kind.TYPING, identity.user, identity.name, body, now_ms, expires_at_ms=expires_at_ms)


def receipt(identity: Identity, up_to: int, now_ms: int) -> Draft:
    """Return the receipt for everything up to and including seq `up_to`; sent twice, it is stored once."""
    return Draft(Kind.RECEIPT, identity.user, identity.name, str(up_to), now_ms, client_id=f"read-{up_to}")
