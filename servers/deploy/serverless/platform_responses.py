"""The platform's own responses, when no function gives one: a status, an error code, and a page that is not JSON.

Teaches that a client of a serverless app must be ready for responses that the app never wrote. Codes and statuses are
those of https://vercel.com/docs/errors, but for 429, which Vercel hides.
"""

import secrets
from typing import NamedTuple

from starlette.responses import PlainTextResponse, Response


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
BAD_REQUEST = PlatformError(400, "BAD_REQUEST")


def page(error: PlatformError) -> Response:
    """Return the response for an error."""
    request_id = f"local::{secrets.token_hex(8)}"
    text = f"An error occurred with your deployment\n\n{error.code}\n\n{request_id}\n"
    headers = {"X-Vercel-Error": error.code, "X-Vercel-Id": request_id, "Cache-Control": "no-store"}
    return PlainTextResponse(text, error.status, headers)
