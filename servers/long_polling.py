"""Long polling: the server waits, for one answer.

Teaches how plain HTTP delivers at once: the question is held until there is something to tell, or the hold time is
over (RFC 6202 section 2.1). What crosses the wire: `GET /rooms/{room}/events?after=<cursor>&connection=<id>`, one held
request per client, asked again after every answer. Leaves out proxies that give up before the hold time does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from servers.core.chat import Chat
from servers.core.counters import Purpose
from servers.core.settings import Settings
from servers.http_routes import answering, chat_app, page_answer, reading


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the long-polling server over a chat."""

    async def receive(request: Request) -> Response:
        """Answer as soon as something is new; with nothing, once the hold time is over. Waits meanwhile."""
        identity, room, connection, after = reading(chat, request)
        await chat.show_life(identity, room, connection)
        with chat.held(identity, room, connection):
            async with while_connected(request):
                return page_answer(request, await chat.until_news(room, after, settings.hold_s))

    return chat_app(
        "long_polling", chat, settings, [Route("/rooms/{room}/events", answering(Purpose.RECEIVE, receive))]
    )


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """End the block with ClientDisconnect when the client hangs up: nobody may be held online by a dead line."""
    try:
        async with asyncio.timeout(None) as patience:
            listening = asyncio.create_task(_end_when_gone(request, patience))
            try:
                yield
            finally:
                listening.cancel()
    except TimeoutError:
        raise ClientDisconnect from None


async def _end_when_gone(request: Request, patience: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    patience.reschedule(asyncio.get_running_loop().time())
