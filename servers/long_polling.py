"""Long polling: the server waits, for one answer.

Teaches how plain HTTP delivers at once: the question is held until there is something to tell, or the hold time is
over (RFC 6202 section 2.1). What crosses the wire: `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, one held
request per client, asked again after every answer. Leaves out proxies that give up before the hold time does.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from servers.cancel_on_disconnect import CancelOnDisconnect
from servers.core.chat import Chat
from servers.core.counters import Purpose
from servers.core.settings import Settings
from servers.http_routes import chat_app, get, page_answer, reading


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the long-polling server over a chat."""

    async def receive(request: Request) -> Response:
        """Answer as soon as something is new; with nothing, once the hold time is over. Waits meanwhile."""
        identity, room, connection, after = reading(chat, request)
        await chat.renew_lease(identity, room, connection)
        with chat.held(identity, room, connection), CancelOnDisconnect(request.receive):
            page = await chat.until_news(room, after, settings.hold_s)
        return page_answer(request, page)

    return chat_app("long_polling", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, receive)])
