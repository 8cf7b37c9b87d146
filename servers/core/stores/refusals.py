"""What a store may refuse, in the same words for every store.

Teaches how a decision made inside a database reaches a client as an error of the chat: by a code of five letters.
"""

from servers.core.errors import ChatError, NameTaken, NotJoined, TooMany
from servers.core.store import Lease, Limits

NO_LIMITS = Limits(0, 0, 0)

LAYOUT = 2
"""The number of the layout of tables and keys; every store holds it, and another one is refused, not upgraded."""
CODES = frozenset({"CONNS", "ROOMS", "UROOM", "NAMED", "NJOIN"})
"""Five letters, as an SQLSTATE has: the scripts of Redis and the functions of PostgreSQL raise them."""


class Declined(Exception):
    """An engine has raised one of the CODES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnknownLayout(ValueError):
    """The database was made by another version, or by another program."""


def require_layout(found: object, erase: str) -> None:
    """Raise UnknownLayout unless the database holds LAYOUT. erase: how to begin anew there."""
    if str(found) != str(LAYOUT):
        got = f"layout {found or 'unknown'}, of another version"
        raise UnknownLayout(
            f"expected layout {LAYOUT}, got {got}: use another database, or {erase}, which deletes its messages"
        )


def refusal(code: str, lease: Lease, limits: Limits = NO_LIMITS) -> ChatError:
    """Return the error that one of the CODES stands for."""
    match code:
        case "CONNS":
            return TooMany(f"room {lease.room!r}: you have {limits.connections} connections already; close one")
        case "ROOMS":
            return TooMany(f"rooms: people are online in {limits.rooms} already, the most at once; try again later")
        case "UROOM":
            return TooMany(f"rooms: you are online in {limits.user_rooms} already, the most for one user; leave one")
        case "NAMED":
            return NameTaken(f"name {lease.name!r}: in use by somebody else; log in under another")
        case "NJOIN":
            return NotJoined(f"room {lease.room!r}: this connection has not joined it, or has left; join first")
    raise ValueError(f"code {code!r}: expected one of {', '.join(sorted(CODES))}")
