"""Raw WebSocket: the server waits, for as long as the line is open.

Teaches pushing: after one handshake (RFC 6455) both sides speak whenever they like, and an idle line carries only pings.
What crosses the wire: `/rooms/{room}/socket`; the client's first frame is a `join` with its token and, to resume, its
cursor; then commands one way, pages and acknowledgements the other. Leaves out compression, and several rooms a line.
"""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, DecodeError, Join, Refusal, SocketCommand, decode, encode
from servers.http_routes import chat_app
from servers.socket_line import LineLost, Message, Pushed, SocketLine


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the WebSocket server over a chat."""

    async def converse(websocket: WebSocket) -> None:
        """Keep one line open: push what is new, carry out what is asked. Waits until the line closes."""
        counters: Counters = websocket.app.state.counters
        counters.requests[Purpose.UPKEEP] += 1
        room = websocket.path_params["room"]
        await websocket.accept()
        line = SocketLine(websocket.send)
        try:
            identity, join, after = await enter(websocket, line, chat, room, settings.log_in_s)
            async with chat.present(identity, room, join.connection):
                pushing = asyncio.create_task(push(line, chat, room, after, counters))
                try:
                    await listen(websocket, line, chat, room, identity, counters)
                finally:
                    pushing.cancel()
                    await chat.leave(identity, room, join.connection)
        except ChatError as refusal:
            await websocket.close(refusal.close_code, refusal.code)
        except (WebSocketDisconnect, LineLost):
            return

    return chat_app(chat, settings, [WebSocketRoute("/rooms/{room}/socket", converse)])


async def enter(
    websocket: WebSocket, line: SocketLine, chat: Chat, room: str, log_in_s: float
) -> tuple[Identity, Join, Cursor]:
    """Await the first frame, answer it with a snapshot, and return who joined and from where they read on."""
    try:
        async with asyncio.timeout(log_in_s):
            join = decode(await websocket.receive_text(), type=Join)
        identity = chat.verify(join.token)
        after = Cursor.parse(join.after) if join.after else None
        snapshot = await chat.join(identity, room, join.connection)
        page = await chat.since(room, after or snapshot.cursor)
    except TimeoutError:
        raise Unauthenticated(f"join: expected within {log_in_s:g} s of connecting") from None
    except (DecodeError, KeyError, ValueError) as error:
        raise BadRequest(f"join: {error}") from None
    await line.send(text(encode(snapshot)))
    return identity, join, page.after


async def push(line: SocketLine, chat: Chat, room: str, cursor: Cursor, counters: Counters) -> None:
    """Push what is new for as long as the line is open; a line that lags catches up from its cursor."""

    def take(page: EncodedPage) -> bool:
        nonlocal cursor
        pushed = line.push(text(page.body))
        if pushed is not Pushed.REFUSED:
            cursor = page.next
            counters.events_delivered += page.count
        return pushed is Pushed.WRITTEN

    while True:
        await chat.follow(room, cursor, take)
        await line.drained()
        page = await chat.since(room, cursor)
        if page.next != cursor:
            await line.send(text(page.body))
            cursor = page.next
            counters.events_delivered += page.count


async def listen(
    websocket: WebSocket, line: SocketLine, chat: Chat, room: str, identity: Identity, counters: Counters
) -> None:
    """Carry out commands and acknowledge each, until the line closes; raises Unauthenticated when the token expires."""
    try:
        async with asyncio.timeout(chat.token_left_s(identity)):
            while True:
                frame = (await websocket.receive_text()).encode()
                counters.command_frames += 1
                await line.send(text(await answer(frame, chat, room, identity)))
    except TimeoutError:
        raise Unauthenticated("token: expired; log in again") from None


async def answer(frame: bytes, chat: Chat, room: str, identity: Identity) -> bytes:
    """Carry out one command, and return the acknowledgement or the refusal as JSON."""
    ref = 0
    try:
        command = decode(frame, type=SocketCommand)
        ref = command.ref
        return encode(await chat.carry_out(identity, room, command))
    except ChatError as refusal:
        return encode(Refusal(refusal.code, refusal.detail, ref))
    except (DecodeError, RecursionError) as error:
        return encode(Refusal(BadRequest.code, f"frame: {error}", ref))


def text(body: bytes) -> Message:
    """Return the ASGI message that sends a text frame."""
    return {"type": "websocket.send", "text": body.decode()}
