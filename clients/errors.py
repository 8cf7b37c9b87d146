"""What can go wrong between a client and its server.

ClientError
├── Refused         the server refused, and would refuse again: `code` is one of servers.core.errors
└── ConnectionLost  the connection is lost or the server is stopping: a later attempt may succeed
"""

from servers.core.wire import Refusal


class ClientError(Exception):
    """Anything that went wrong between a client and its server."""


class Refused(ClientError):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class ConnectionLost(ClientError):
    """The server could not be reached, or closed the connection, or could not reach its store."""


def refused(refusal: Refusal) -> ClientError:
    """Return the error that a refusal stands for: what is unavailable now may be available later."""
    if refusal.error == "unavailable":
        return ConnectionLost(refusal.detail)
    return Refused(refusal.error, refusal.detail)
