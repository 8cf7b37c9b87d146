"""The errors of the service, by how they reach the client: a close code, a `pusher:error`, or an HTTP status.

Teaches that a service can refuse three things: a connection, one request on it, or one call of the HTTP API.
"""


class ConnectionRejected(Exception):
    """A connection that is not accepted; the close code tells the client whether it can try again."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class RequestDenied(Exception):
    """A request on an accepted connection whose response is `pusher:error`; the connection stays."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Malformed(RequestDenied):
    """A text that is not the expected JSON; the message states what was expected."""


class BadChannelName(RequestDenied):
    """A channel name that the service does not serve; the message states why."""


class ApiError(Exception):
    """A call of the HTTP API that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
