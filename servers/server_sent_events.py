"""Server-Sent Events: the server waits, within one answer that never ends.

Teaches that a long poll need not be asked again: the answer goes on, an event for every page (HTML Standard, section
9.2), and a browser's EventSource resumes a broken one by itself. What crosses the wire: one
`GET /rooms/{room}/events?after=<cursor>&connection=<id>`, then pages whose `id` is the next cursor, which comes back as
Last-Event-ID; a comment where a socket would ping; an event `refusal` before an end that is for good. Leaves out
cookies, so that a page must read the stream by `fetch`: EventSource cannot send an Authorization header. And since
nothing ever comes back on a stream, only TCP can tell that its reader is gone.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import lru_cache

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, Refusal, encode
from servers.http_routes import Reader, chat_app, get, reading

LINE_END = "\n"
GRACE_S = 5.0  # our streams end when the chat stops; this is only how long the library waits before it cuts them
PING = ServerSentEvent(comment="ping", sep=LINE_END).encode()


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the server of event streams over a chat."""
    event_of = lru_cache(maxsize=4)(page_event)  # a page goes to all streams within one turn of the loop

    async def receive(request: Request) -> Response:
        """Answer with a stream that goes on. Whatever can be refused is refused before it begins."""
        reader = resuming(reading(chat, request), request)
        identity, room, connection, after = reader
        async with AsyncExitStack() as line:  # held before it is taken: a line that it replaces may end meanwhile
            line.push_async_callback(chat.hang_up, identity, room, connection)
            line.enter_context(chat.held(identity, room, connection))
            await chat.take_line(identity, room, connection)
            await chat.since(room, after)
            return Stream(news(reader, request.app.state.counters), line.pop_all())

    async def news(reader: Reader, counters: Counters) -> AsyncIterator[bytes]:
        """Yield each page as it comes; a stream that lags catches up from its cursor. Ends with the server or token."""
        after = reader.after
        yield PING  # the answer's head leaves with its first bytes, and a room may be silent for long
        try:
            while not chat.stopping:
                left_s = chat.token_left_s(reader.identity)
                if left_s <= 0:
                    raise Unauthenticated("token: expired; log in again")
                page = await chat.until_news(reader.room, after, min(settings.ping_s, left_s))
                yield event_of(page) if page.next != after else PING
                after = page.next
                counters.events_delivered += page.count
        except ChatError as refusal:
            yield refusal_event(refusal)

    return chat_app("server_sent_events", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, receive)])


class Stream(EventSourceResponse):
    """An answer that goes on for as long as there is news; however it ends, its line ends with it."""

    def __init__(self, news: AsyncIterator[bytes], line: AsyncExitStack) -> None:
        super().__init__(news, ping=0, sep=LINE_END, shutdown_grace_period=GRACE_S)
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._line:
            await super().__call__(scope, receive, send)


def resuming(reader: Reader, request: Request) -> Reader:
    """Return the reader where it has come to, if it tells, or else where its question says. Raises BadRequest."""
    last_seen = request.headers.get("last-event-id")
    try:
        return reader if last_seen is None else reader._replace(after=Cursor.parse(last_seen))
    except ValueError as error:
        raise BadRequest(f"Last-Event-ID: {error}") from None


def page_event(page: EncodedPage) -> bytes:
    """Return the event that carries a page, and the cursor at which to resume."""
    return ServerSentEvent(page.body.decode(), id=str(page.next), sep=LINE_END).encode()


def refusal_event(refusal: ChatError) -> bytes:
    """Return the event that says why the stream ends."""
    body = encode(Refusal(refusal.code, refusal.detail)).decode()
    return ServerSentEvent(body, event="refusal", sep=LINE_END).encode()
