"""Raw WebSocket: the server waits, for as long as the line is open.

Teaches pushing: after one handshake (RFC 6455) both sides speak whenever they like; an idle line carries only pings.
What crosses the wire: `/rooms/{room}/socket`; the client's first frame is a `join` with its token and, to resume, its
cursor; then commands one way, pages and acknowledgements the other. Leaves out compression, and several rooms a line.
"""

from functools import lru_cache

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from servers.core.chat import Chat
from servers.core.counters import Counters
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.http_routes import Reader, chat_app
from servers.socket_routes import SocketSession, page_message
from servers.socket_writer import REFUSED, WRITTEN, SocketWriter


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the WebSocket server over a chat."""
    message_of = lru_cache(maxsize=4)(page_message)  # a page goes to all lines within one turn of the loop

    async def receive(reader: Reader, line: SocketWriter, counters: Counters) -> None:
        """Push what is new for as long as the line is open. A line that lags catches up from its cursor."""
        cursor = reader.after

        def take(page: EncodedPage) -> bool:
            nonlocal cursor
            pushed = line.push(message_of(page))
            if pushed is REFUSED:
                return False
            cursor = page.next
            counters.events_delivered += page.count
            return pushed is WRITTEN

        while True:
            await chat.follow(reader.room, cursor, take)
            await line.drained()
            page = await chat.since(reader.room, cursor)
            if page.next != cursor:
                await line.send(message_of(page))
                cursor = page.next
                counters.events_delivered += page.count

    sockets = [WebSocketRoute("/rooms/{room}/socket", SocketSession(chat, settings, receive))]
    return chat_app("raw_websocket", chat, settings, [], sockets)
