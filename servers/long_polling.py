"""Long polling: the server waits, for one response.

Teaches how plain HTTP delivers at once: a request is held until there is a new event, or until the hold time is over
(RFC 6202 section 2.1). What crosses the wire: `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, one held
request per client, repeated after every response. With HTTP/1.1, six tabs that poll hold all connections that a browser
opens to this server, so a command waits until a poll ends; with HTTP/2 (`--link h2`) all share one. Leaves out proxies
whose timeout is shorter than the hold time.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from servers.asgi_extensions import CancelOnDisconnect
from servers.core.chat import Chat
from servers.core.counters import Purpose
from servers.core.settings import Settings
from servers.http_endpoint import get, page_response, parse_request
from servers.http_routes import chat_app


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the long-polling server over a chat."""

    async def deliver(request: Request) -> Response:
        """Respond as soon as there is a new event, or without one after the hold time. Waits meanwhile."""
        identity, room, connection, after = parse_request(chat, request)
        await chat.renew_lease(identity, room, connection)
        with chat.keep_online(identity, room, connection) as held, CancelOnDisconnect(request.scope):
            async with held.required(chat.token_left_s(identity)):
                page = await chat.wait_and_read(room, after, settings.hold_s)
        return page_response(request, page)

    return chat_app("long_polling", chat, settings, [get("/rooms/{room}/events", Purpose.RECEIVE, deliver)])
