"""What can go wrong between a client and its server.

ClientError
├── Refused         the server understood and said no; `code` says why, usually one of servers.core.errors
└── ConnectionLost  no usable response came: a later attempt may succeed
"""

from servers.core.wire import Refusal

RETRY_AFTER_MAX_S = 60.0


class ClientError(Exception):
    """Anything that went wrong between a client and its server.

    retry_after_s: when to try again, at most RETRY_AFTER_MAX_S; 0 if unknown.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = min(retry_after_s, RETRY_AFTER_MAX_S)


class Refused(ClientError):
    def __init__(self, code: str, detail: str, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{code}: {detail}", retry_after_s)
        self.code = code
        self.detail = detail


class ConnectionLost(ClientError):
    """The server could not be reached, or closed the connection, or could not reach its store."""


def refused(refusal: Refusal) -> ClientError:
    """Return the error that a refusal stands for; `unavailable` is temporary, so it counts as a lost connection."""
    if refusal.error == "unavailable":
        return ConnectionLost(refusal.detail, refusal.retry_after_s)
    return Refused(refusal.error, refusal.detail, refusal.retry_after_s)
