"""Short polling: the client waits between its requests.

Teaches what polling costs: with nothing new, every interval costs a whole request and an empty response, and an event
waits for the next request. What crosses the wire: `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, whose
response is a page, at once. Leaves out nothing: this is the simplest server there is.
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
    """Return the short-polling server over a chat."""

    async def deliver(request: Request) -> Response:
        """Respond at once with the new events, if any. Never waits."""
        identity, room, connection, after = parse_request(chat, request)
        await chat.renew_lease(identity, room, connection)
        page = await chat.read(room, after)
        return page_response(request, page)

    return chat_app("short_polling", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, deliver)])
