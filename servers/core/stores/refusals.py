"""What a store may refuse, in the same words whichever store it is."""

from servers.core.errors import ChatError, NameTaken, NotJoined, TooMany, Unavailable
from servers.core.store import Lease


def too_many_connections(lease: Lease, connections_max: int) -> TooMany:
    return TooMany(f"room {lease.room!r}: you have {connections_max} connections already; close one")


def too_many_rooms(rooms_max: int) -> TooMany:
    return TooMany(f"rooms: there are {rooms_max} already, the most this server keeps")


def name_taken(lease: Lease) -> NameTaken:
    return NameTaken(f"name {lease.name!r}: in use by somebody else; log in under another")


def not_joined(lease: Lease) -> NotJoined:
    return NotJoined(f"room {lease.room!r}: this connection has not joined it, or has left; join first")


def unavailable(error: BaseException) -> Unavailable:
    return Unavailable(f"store: does not answer ({type(error).__name__}: {error}); try again")


class Declined(Exception):
    """An engine's own word for a refusal: one of the codes that both its scripts and SQL's error states can carry."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def told(self, lease: Lease, connections_max: int = 0, rooms_max: int = 0) -> ChatError:
        """Return the refusal that the chat knows."""
        match self.code:
            case "CONNS":
                return too_many_connections(lease, connections_max)
            case "ROOMS":
                return too_many_rooms(rooms_max)
            case "NAMED":
                return name_taken(lease)
            case _:
                return not_joined(lease)


CODES = frozenset({"CONNS", "ROOMS", "NAMED", "NJOIN"})
