"""Everything the chat may refuse, and the one table of codes.

On a socket, the close code of a refusal is 4000 plus the HTTP status, in the private range of RFC 6455 section 7.4.2.
"""

from typing import ClassVar


class ChatError(Exception):
    """A refusal. detail: what was expected, what came, what to do. retry_after_s: when to retry; 0.0 if unknown."""

    code: ClassVar[str]
    http_status: ClassVar[int]

    def __init__(self, detail: str, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s

    @property
    def close_code(self) -> int:
        return 4000 + self.http_status


class BadRequest(ChatError):
    code = "bad_request"
    http_status = 400


class Unauthenticated(ChatError):
    code = "unauthenticated"
    http_status = 401


class Forbidden(ChatError):
    code = "forbidden"
    http_status = 403


class NotJoined(ChatError):
    code = "not_joined"
    http_status = 403


class NotFound(ChatError):
    code = "not_found"
    http_status = 404


class NameTaken(ChatError):
    code = "name_taken"
    http_status = 409


class TooLarge(ChatError):
    code = "too_large"
    http_status = 413


class TooMany(ChatError):
    code = "too_many"
    http_status = 429


class Unavailable(ChatError):
    code = "unavailable"
    http_status = 503
