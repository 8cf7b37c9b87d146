"""Server-Sent Events: the server waits, within one response that never ends.

Teaches that one request can replace many long polls: the response goes on, an event for every page (HTML Standard,
section 9.2). What crosses the wire: one `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, then pages. The `id`
of a page is the next cursor, which a client that reconnects sends as Last-Event-ID. An idle stream carries a comment of
8 bytes as often as a socket carries pings; a permanent end is announced by an event `refusal`. Leaves out cookies, so
that a page must read the stream by `fetch`: EventSource cannot send an Authorization header. A client sends nothing on
its stream, so only TCP can detect that it is gone. With HTTP/1.1, six tabs with a stream each hold all connections that
a browser opens to this server; with HTTP/2 (`--link h2`) all share one.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import ChatError
from servers.core.held_lease import HeldLease
from servers.core.settings import Settings
from servers.event_stream import GRACE_S, PING, EventStream, page_event, refusal_event
from servers.http_endpoint import Reader, get, parse_cursor, parse_request
from servers.http_routes import chat_app


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the server of event streams over a chat."""
    event_of = lru_cache(maxsize=4)(page_event)  # a page goes to all streams within one turn of the event loop

    async def deliver(request: Request) -> Response:
        """Respond with a stream of pages. All refusals come before it begins."""
        reader = resume(parse_request(chat, request), request)
        identity, room, connection, after = reader
        async with AsyncExitStack() as cleanup:
            held = await cleanup.enter_async_context(chat.connected(identity, room, connection))
            await chat.renew_lease(identity, room, connection, 0.0, held.holder)
            await chat.read(room, after)
            limit = held.required(chat.token_left_s(identity), GRACE_S)  # even while a send waits for its reader
            coming = pages(reader, request.app.state.counters, held)
            return EventStream(coming, settings.lease_s, limit, cleanup.pop_all())

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


def resume(reader: Reader, request: Request) -> Reader:
    """Return the reader at its Last-Event-ID, if it sends one, else at the cursor of its query. Raises BadRequest."""
    last_event_id = request.headers.get("last-event-id")
    if last_event_id is None:
        return reader
    return reader._replace(after=parse_cursor("Last-Event-ID", last_event_id))
