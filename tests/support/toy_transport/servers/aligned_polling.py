"""Aligned polling: the client polls whenever the clock shows a multiple of its interval.

Teaches that this needs nothing new on the server: its route is that of short polling. What crosses the wire:
`GET /rooms/{room}/events?after=<cursor>&connection=<id>`, answered at once with a page.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from servers.core.chat import Chat
from servers.core.counters import Purpose
from servers.core.settings import Settings
from servers.http_endpoint import get, page_response, parse_request
from servers.http_routes import chat_app


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the server of aligned polling over a chat."""

    async def deliver(request: Request) -> Response:
        """Respond at once with the new events, if any. Never waits."""
        identity, room, connection, after = parse_request(chat, request)
        await chat.renew_lease(identity, room, connection)
        page = await chat.read(room, after)
        return page_response(request, page)

    return chat_app("aligned_polling", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, deliver)])
