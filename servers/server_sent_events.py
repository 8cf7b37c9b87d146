"""Server-Sent Events: the server waits, within one response that never ends.

Teaches that one request can replace many long polls: the response goes on, an event for every page (HTML Standard,
section 9.2), and a browser's EventSource resumes a broken one by itself. What crosses the wire: one
`GET /rooms/{room}/events?after=<cursor>&connection=<id>`, then pages whose `id` is the next cursor, which comes back as
Last-Event-ID; where a socket would ping, a comment of 8 bytes, which whoever reads by `fetch` can see; an event
`refusal` before an end that is for good. Leaves out cookies, so that a page must read the stream by `fetch`:
EventSource cannot send an Authorization header. And since nothing ever comes back on a stream, only TCP can tell that
its reader is gone. Leaves out TLS and with it HTTP/2, so a browser opens at most six connections to this server, for
all its tabs together: six tabs with a stream each hold them all, for as long as they are open, and no tab can send. A
proxy that speaks HTTP/2 carries the streams and the commands on one connection (RFC 9113 section 5).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import lru_cache

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import ChatError
from servers.core.held_lease import HeldLease
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import encode
from servers.http_endpoint import Reader, get, parse_cursor, parse_request, refusal_of
from servers.http_routes import chat_app

LINE_END = "\n"
GRACE_S = 5.0
"""How long a stream may go on once the chat stops, or its lease or token has ended: longer than it takes to say so."""

PING = ServerSentEvent(comment="ping", sep=LINE_END).encode()


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the server of event streams over a chat."""
    event_of = lru_cache(maxsize=4)(page_event)  # a page goes to all streams within one turn of the event loop

    async def deliver(request: Request) -> Response:
        """Respond with a stream of pages. Whatever can be refused is refused before it begins."""
        reader = resume(parse_request(chat, request), request)
        identity, room, connection, after = reader
        async with AsyncExitStack() as cleanup:  # online first: an older stream may end meanwhile
            held = await cleanup.enter_async_context(chat.connected(identity, room, connection))
            await chat.acquire_lease(identity, room, connection)
            await chat.read(room, after)
            limit = held.required(chat.token_left_s(identity), GRACE_S)  # even while a send waits for its reader
            return Stream(pages(reader, request.app.state.counters, held), settings.lease_s, limit, cleanup.pop_all())

    async def pages(reader: Reader, counters: Counters, held: HeldLease) -> AsyncIterator[bytes]:
        """Yield each page as it comes; a slow client catches up from its cursor.

        Ends with the server, the lease or the token.
        """
        identity, room, _, after = reader
        yield PING  # the headers leave with the first bytes, and a room may be silent for long
        try:
            while not chat.stopping:
                async with held.required(chat.token_left_s(identity)):
                    page = await chat.wait_and_read(room, after, settings.ping_s)
                yield event_of(page) if page.next != after else PING
                after = page.next
                counters.events_delivered += page.count
        except ChatError as refusal:
            yield refusal_event(refusal)

    return chat_app("server_sent_events", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, deliver)])


class Stream(EventSourceResponse):
    """A response that goes on until its pages end, its limit cuts it or its client is gone, and then cleans up.

    send_timeout_s: a client that has read nothing for so long counts as gone.
    """

    def __init__(
        self,
        pages: AsyncIterator[bytes],
        send_timeout_s: float,
        limit: AbstractAsyncContextManager[None],
        cleanup: AsyncExitStack,
    ) -> None:
        super().__init__(pages, ping=0, sep=LINE_END, shutdown_grace_period=GRACE_S, send_timeout=send_timeout_s)
        self._limit = limit
        self._cleanup = cleanup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._cleanup:
            with suppress(ChatError, SendTimeoutError):
                async with self._limit:
                    await super().__call__(scope, receive, send)


def resume(reader: Reader, request: Request) -> Reader:
    """Return the reader at its Last-Event-ID, if it sends one, else at the cursor of its query. Raises BadRequest."""
    last_event_id = request.headers.get("last-event-id")
    return reader if last_event_id is None else reader._replace(after=parse_cursor("Last-Event-ID", last_event_id))


def page_event(page: EncodedPage) -> bytes:
    """Return the event that carries a page, and the cursor at which to resume."""
    return ServerSentEvent(page.body.decode(), id=str(page.next), sep=LINE_END).encode()


def refusal_event(refusal: ChatError) -> bytes:
    """Return the event that says why the stream ends."""
    body = encode(refusal_of(refusal)).decode()
    return ServerSentEvent(body, event="refusal", sep=LINE_END).encode()
