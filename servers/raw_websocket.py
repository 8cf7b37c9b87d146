"""Raw WebSocket: the server waits, for as long as the connection is open.

Teaches pushing: after one handshake (RFC 6455) both sides send whenever they like. An idle connection carries pings
and, as often, an empty page of about 90 bytes: JavaScript in a browser cannot see pings, so only the page shows it that
the connection works. What crosses the wire: `/rooms/{room}/socket`; the client's first frame is a `join` with its token
and, to resume, its cursor; then commands one way, pages and acknowledgements the other. Leaves out compression, and
several rooms on one connection.
"""

import asyncio
from functools import lru_cache

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from servers.asgi_extensions import SocketWriter, TextFrame
from servers.core.chat import Chat
from servers.core.counters import Counters
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.http_endpoint import Reader
from servers.http_routes import chat_app
from servers.socket_routes import SocketSession


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the WebSocket server over a chat."""
    frame_of = lru_cache(maxsize=4)(page_frame)  # a page goes to all sockets within one turn of the event loop

    async def deliver(reader: Reader, writer: SocketWriter, counters: Counters) -> None:
        """Push new events for as long as the socket is open. A slow client catches up from its cursor."""
        room = reader.room
        after = reader.after

        def push(page: EncodedPage) -> bool:
            nonlocal after
            if not writer.push(frame_of(page)):
                return False
            after = page.next
            counters.events_delivered += page.count
            return True

        while True:
            begun_after = after
            is_idle = False
            try:
                async with asyncio.timeout(settings.ping_s):
                    await chat.follow(room, after, push)  # until the client, or this reader, falls behind
            except TimeoutError:
                is_idle = after == begun_after
            await writer.drain()  # until the client has read
            page = await chat.read(room, after)  # the events that the client has missed
            if is_idle or page.next != after:
                await writer.write(frame_of(page))
                after = page.next
                counters.events_delivered += page.count

    sockets = [WebSocketRoute("/rooms/{room}/socket", SocketSession(chat, settings, deliver))]
    return chat_app("raw_websocket", chat, settings, [], sockets)


def page_frame(page: EncodedPage) -> TextFrame:
    """Return the frame that carries a page."""
    return TextFrame(page.body)
