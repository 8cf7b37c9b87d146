"""Who is typing: notices that carry their own expiry, since nobody is told when somebody merely stops.

Teaches that a notice can arrive too late to be true. Servers pass every notice on, and readers look at its expiry, so
that a load test can count the lies that a slow transport tells.
"""

from servers.core.auth import Identity
from servers.core.wire import Draft, Kind


def notice(identity: Identity, active: bool, now_ms: int, typing_s: float) -> Draft:
    """Return the notice that a user types, true for `typing_s` seconds, or has stopped."""
    expires_at_ms = now_ms + int(typing_s * 1000) if active else now_ms
    body = "started" if active else "stopped"
    return Draft(Kind.TYPING, identity.user, identity.name, body, now_ms, expires_at_ms=expires_at_ms)
