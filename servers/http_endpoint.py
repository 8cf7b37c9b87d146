"""The parts of an HTTP endpoint: it parses a request, calls the chat, and responds in JSON.

Teaches to do in one place what every route needs: each request is counted under its purpose, and each ChatError becomes
a response with its status. Leaves out the routes.
"""

import math
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from servers.asgi_extensions import WHOLE
from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, TooLarge, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, Refusal, Undecodable, decode, encode

Handler = Callable[[Request], Awaitable[Response]]
Body = TypeVar("Body")
QUERY_BYTES_MAX = 1024
NOT_MODIFIED = 304


def get(path: str, purpose: Purpose, handler: Handler) -> Route:
    return Route(path, Endpoint(purpose, handler), methods=["GET"])


def post(path: str, purpose: Purpose, handler: Handler) -> Route:
    return Route(path, Endpoint(purpose, handler), methods=["POST"])


class Endpoint:
    """An ASGI endpoint: counts a request under its purpose, calls its handler, and responds to a ChatError with JSON.

    As an ASGI endpoint it bypasses Starlette's exception handling, which would have nothing to catch.
    """

    def __init__(self, purpose: Purpose, handler: Handler) -> None:
        self._purpose = purpose
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.app.state.counters.requests[self._purpose] += 1
        try:
            response = await self._handler(request)
        except ClientDisconnect:  # nobody is there to respond to
            return
        except ChatError as error:
            response = error_response(error)
        await response(scope, receive, send)


class Reader(NamedTuple):
    """Who reads which room, over which connection, from which cursor."""

    identity: Identity
    room: str
    connection: str
    after: Cursor


def parse_request(chat: Chat, request: Request) -> Reader:
    """Return the reader that a request for events names; raises Unauthenticated or BadRequest."""
    identity, room = identify(chat, request)
    query_string: bytes = request.scope["query_string"]
    if len(query_string) > QUERY_BYTES_MAX:
        raise BadRequest(f"query: expected at most {QUERY_BYTES_MAX} bytes, got {len(query_string)}")
    after, connection = parse_query(query_string)
    return Reader(identity, room, connection, after)


@lru_cache(maxsize=4096)
def parse_query(query_string: bytes) -> tuple[Cursor, str]:
    """Return the cursor and the connection of a poll; cached, since polls repeat their query until an event comes.

    The cache is bounded: a query has at most QUERY_BYTES_MAX bytes, and a decoded field at most four for each of them.
    """
    fields = dict(parse_qsl(query_string.decode("latin-1")))
    return parse_cursor("after", fields.get("after", "")), fields.get("connection", "")


def parse_cursor(field: str, text: str) -> Cursor:
    """Return the cursor that a field of a request holds; raises BadRequest."""
    try:
        return Cursor.parse(text)
    except ValueError as error:
        raise BadRequest(f"{field}: {error}") from None


class PageResponse(Response):
    """A page, without the headers that Starlette would encode again for each of thousands of polls."""

    def __init__(self, page: EncodedPage, *headers: tuple[bytes, bytes]) -> None:
        self.status_code = 200
        self.background = None
        self.body = page.body
        self.raw_headers = [(b"content-length", b"%d" % len(page.body)), (b"content-type", b"application/json")]
        self.raw_headers += headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page, in one write where the server can."""
        if scope["method"] == "GET" and WHOLE in scope.get("extensions", ()):
            message = {"status": self.status_code, "headers": self.raw_headers, WHOLE: self.body}
            await send({"type": "http.response.start", **message})
        else:
            await super().__call__(scope, receive, send)


def page_response(request: Request, page: EncodedPage) -> Response:
    """Return a page as a response, and count its events.

    The response to a conditional request (RFC 9110 section 13.1.2) has an ETag, and no body if the client knows the
    page. Others get no ETag: a browser's cache would make every later request for the same URL conditional.
    """
    counters: Counters = request.app.state.counters
    if page.count == 0:
        counters.empty_answers += 1
    headers = []
    condition = request.headers.get("if-none-match")
    if condition is not None:
        tag = page.next.entity_tag
        known_tags = [known.strip().removeprefix("W/") for known in condition.split(",")]
        if tag in known_tags or "*" in known_tags:
            return Response(status_code=NOT_MODIFIED, headers={"ETag": tag})
        headers = [(b"etag", tag.encode("latin-1"))]
    counters.events_delivered += page.count
    return PageResponse(page, *headers)


def json_response(value: object, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")


def error_response(error: ChatError) -> Response:
    response = json_response(refusal_of(error), error.http_status)
    if error.retry_after_s:
        whole_s = math.ceil(error.retry_after_s)  # RFC 9110 section 10.2.3
        response.headers["Retry-After"] = str(whole_s)
    return response


def refusal_of(error: ChatError, ref: int = 0) -> Refusal:
    """Return the message that carries a refusal."""
    return Refusal(error.code, error.detail, ref, error.retry_after_s)


def identify(chat: Chat, request: Request) -> tuple[Identity, str]:
    """Return whose token a request carries, and the room that it names; raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Authorization: expected Bearer and a token that POST /login gave; log in first")
    return chat.verify(token), request.path_params.get("room", "")


async def read_body(request: Request, settings: Settings) -> bytes:
    """Read the request's body; raises TooLarge as soon as it is longer than allowed, BadRequest if it ends early."""
    received = bytearray()
    try:
        async for chunk in request.stream():
            received += chunk
            if len(received) > settings.request_bytes_max:
                raise TooLarge(f"body: expected at most {settings.request_bytes_max} bytes; send it in parts")
    except ClientDisconnect:
        raise BadRequest("body: ended early, since the client has hung up") from None
    return bytes(received)


async def parse_body(request: Request, kind: type[Body], settings: Settings) -> Body:
    """Read and validate a JSON body; raises BadRequest, TooLarge."""
    try:
        return decode(await read_body(request, settings), type=kind)
    except Undecodable as error:
        raise BadRequest(f"body: {error}") from None


def query_number(request: Request, field: str, default: int) -> int:
    """Return a query parameter that is a whole number; raises BadRequest."""
    text = request.query_params.get(field)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise BadRequest(f"{field}: expected a whole number, got {text[:80]!r}")
    return int(text)
