"""What a store may refuse, in the same words for every store."""

import logging
import time

from servers.core.errors import ChatError, NameTaken, NotJoined, TooMany, Unavailable
from servers.core.store import Lease, Limits

LOG_AGAIN_S = 600.0
FAULTS_MAX = 100
NO_LIMITS = Limits(0, 0, 0)
log = logging.getLogger(__name__)

CODES = frozenset({"CONNS", "ROOMS", "UROOM", "NAMED", "NJOIN"})
"""Five letters, as an SQLSTATE has: the scripts of Redis and the functions of PostgreSQL raise them."""


class Declined(Exception):
    """An engine has raised one of the CODES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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


class Faults:
    """The faults that a database has had, so that each is logged once every LOG_AGAIN_S."""

    def __init__(self) -> None:
        self._logged_s: dict[str, float] = {}

    def unavailable(self, error: BaseException, what: str = "no response") -> Unavailable:
        """Return the error for a request that met a fault, and log the fault if that is due."""
        fault, now_s = f"store: {what} ({type(error).__name__}: {error})", time.monotonic()
        if now_s - self._logged_s.get(fault, float("-inf")) >= LOG_AGAIN_S:
            if len(self._logged_s) >= FAULTS_MAX:
                self._logged_s.clear()
            self._logged_s[fault] = now_s
            log.error("%s", fault)
        return Unavailable(f"{fault}; try again")
