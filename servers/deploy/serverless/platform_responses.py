"""The platform's own responses, when no function gives one: a status, an error code, and a page that is not JSON.

Teaches that a client of a serverless app must be ready for responses that the app never wrote. Codes and statuses are
those of https://vercel.com/docs/errors, but for 429: Vercel hides the error of AWS Lambda when all instances are busy
(TooManyRequestsException), and we do not.
"""

import secrets
from typing import NamedTuple

import h11


class PlatformError(NamedTuple):
    """A status and an error code of the platform."""

    status: int
    code: str


class Refused(Exception):
    """A request that no function gets to see, because of this error."""

    def __init__(self, error: PlatformError) -> None:
        super().__init__(error.code)
        self.error = error


TIMEOUT = PlatformError(504, "FUNCTION_INVOCATION_TIMEOUT")
THROTTLED = PlatformError(429, "FUNCTION_THROTTLED")
FAILED = PlatformError(500, "FUNCTION_INVOCATION_FAILED")
TOO_LARGE = PlatformError(413, "FUNCTION_PAYLOAD_TOO_LARGE")
HEAD_TOO_LARGE = PlatformError(431, "REQUEST_HEADER_TOO_LARGE")
TOO_LATE = PlatformError(408, "REQUEST_TIMEOUT")
BAD_REQUEST = PlatformError(400, "BAD_REQUEST")


def page(error: PlatformError, more: dict[str, str] | None = None) -> list[h11.Event]:
    """Return the response for an error, with more headers."""
    request_id = f"local::{secrets.token_hex(8)}"
    body = f"An error occurred with your deployment\n\n{error.code}\n\n{request_id}\n".encode()
    headers = {"X-Vercel-Error": error.code, "X-Vercel-Id": request_id, **(more or {})}
    return response(error.status, body, "text/plain; charset=utf-8", headers)


def response(status: int, body: bytes, media_type: str, more: dict[str, str] | None = None) -> list[h11.Event]:
    """Return a complete response of the host's own."""
    about_body = {"Content-Type": media_type, "Content-Length": str(len(body))}
    headers = {**about_body, "Cache-Control": "no-store", **(more or {})}
    head = h11.Response(status_code=status, headers=list(headers.items()))
    return [head, h11.Data(data=body), h11.EndOfMessage()]
