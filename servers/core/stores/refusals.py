"""What a store may refuse, in the same words for every store."""

from servers.core.errors import ChatError, NameTaken, NotJoined, TooMany, Unavailable
from servers.core.store import Lease

CODES = frozenset({"CONNS", "ROOMS", "NAMED", "NJOIN"})
"""Five letters, as an SQLSTATE has: the scripts of Redis and the functions of PostgreSQL raise them."""


class Declined(Exception):
    """An engine has raised one of the CODES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def refusal(code: str, lease: Lease, connections_max: int = 0, rooms_max: int = 0) -> ChatError:
    """Return the error that one of the CODES stands for."""
    match code:
        case "CONNS":
            return TooMany(f"room {lease.room!r}: you have {connections_max} connections already; close one")
        case "ROOMS":
            return TooMany(f"rooms: people are online in {rooms_max} already, the most at once; try again later")
        case "NAMED":
            return NameTaken(f"name {lease.name!r}: in use by somebody else; log in under another")
        case _:
            return NotJoined(f"room {lease.room!r}: this connection has not joined it, or has left; join first")


def unavailable(error: BaseException) -> Unavailable:
    return Unavailable(f"store: no response ({type(error).__name__}: {error}); try again")
