"""The errors of the service, by how they reach the client: a close code, a `pusher:error`, or an HTTP status.

Teaches that a service can refuse three things: a connection, one request on it, or one call of the HTTP API.
"""


class ConnectionRejected(Exception):
    """A connection that is not accepted; the close code tells the client whether it can try again."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ApiError(Exception):
    """A call of the HTTP API that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RequestDenied(ApiError):
    """A request whose response is `pusher:error` on a connection, which stays, or the status 400 of a call."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(400, message)
        self.code = code
