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
    code, http_status = "bad_request", 400


class Unauthenticated(ChatError):
    code, http_status = "unauthenticated", 401


class Forbidden(ChatError):
    code, http_status = "forbidden", 403


class NotJoined(ChatError):
    code, http_status = "not_joined", 403


class NotFound(ChatError):
    code, http_status = "not_found", 404


class NameTaken(ChatError):
    code, http_status = "name_taken", 409


class TooLarge(ChatError):
    code, http_status = "too_large", 413


class TooMany(ChatError):
    code, http_status = "too_many", 429


class Unavailable(ChatError):
    code, http_status = "unavailable", 503
