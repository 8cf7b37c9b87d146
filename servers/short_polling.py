"""Short polling: the client waits, and asks again and again.

Teaches the price of asking: with nothing new, every interval costs a whole request and an empty answer, and news waits
until somebody asks. What crosses the wire: `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, answered at once
with a page. Leaves out nothing: this is the simplest server there is.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from servers.core.chat import Chat
from servers.core.counters import Purpose
from servers.core.settings import Settings
from servers.http_routes import chat_app, get, page_answer, reading


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the short-polling server over a chat."""

    async def receive(request: Request) -> Response:
        """Answer at once with what is new, be it nothing. Never waits."""
        identity, room, connection, after = reading(chat, request)
        await chat.renew_lease(identity, room, connection)
        return page_answer(request, await chat.since(room, after))

    return chat_app("short_polling", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, receive)])
