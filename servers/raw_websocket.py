"""Raw WebSocket: the server waits, for as long as the line is open.

Teaches pushing: after one handshake (RFC 6455) both sides speak whenever they like; an idle line carries only pings.
What crosses the wire: `/rooms/{room}/socket`; the client's first frame is a `join` with its token and, to resume, its
cursor; then commands one way, pages and acknowledgements the other. Leaves out compression, and several rooms a line.
"""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, NotJoined, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, Join, Refusal, SocketCommand, Undecodable, decode, encode
from servers.http_routes import chat_app
from servers.socket_line import LineLost, Message, Pushed, SocketLine


def create_app(chat: Chat, settings: Settings) -> Starlette:
    """Return the WebSocket server over a chat."""
    return chat_app(chat, settings, [WebSocketRoute("/rooms/{room}/socket", Endpoint(chat, settings))])


class Endpoint:
    """Serves each line by one ASGI call, which waits until the line closes."""

    def __init__(self, chat: Chat, settings: Settings) -> None:
        self._chat = chat
        self._log_in_s = settings.log_in_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep one line open: push what is new, carry out what is asked."""
        websocket = WebSocket(scope, receive, send)
        conversation = Conversation(self._chat, websocket, SocketLine(send))
        conversation.counters.requests[Purpose.UPKEEP] += 1
        await websocket.accept()
        try:
            await conversation.hold(self._log_in_s)
        except ChatError as refusal:
            with suppress(WebSocketDisconnect):
                await websocket.close(refusal.close_code, refusal.code)
        except (WebSocketDisconnect, LineLost):
            return


class Conversation:
    """One client's line into one room."""

    def __init__(self, chat: Chat, websocket: WebSocket, line: SocketLine) -> None:
        self.counters: Counters = websocket.app.state.counters
        self._chat = chat
        self._room: str = websocket.path_params["room"]
        self._websocket = websocket
        self._line = line

    async def hold(self, log_in_s: float) -> None:
        """Let the client in, then push and listen until the line closes, the token expires, or it is refused."""
        identity, connection, after = await self._enter(log_in_s)
        pushing = asyncio.create_task(self._push(after))
        try:
            async with self._chat.present(identity, self._room, connection):
                await self._listen(identity)
        finally:
            pushing.cancel()
            await self._chat.leave(identity, self._room, connection)

    async def _enter(self, log_in_s: float) -> tuple[Identity, str, Cursor]:
        """Await the first frame, and answer with a snapshot; return who joined, and from where they read on."""
        try:
            async with asyncio.timeout(log_in_s):
                join = decode(await self._websocket.receive_text(), type=Join | SocketCommand)
            if not isinstance(join, Join):
                raise NotJoined("the first frame must be a join")
            identity = self._chat.verify(join.token)
            after = Cursor.parse(join.after) if join.after else None
        except TimeoutError:
            raise Unauthenticated(f"join: expected within {log_in_s:g} s of connecting") from None
        except (*Undecodable, KeyError, ValueError) as error:
            raise BadRequest(f"join: {error}") from None
        snapshot = await self._chat.join(identity, self._room, join.connection)
        page = await self._chat.since(self._room, after or snapshot.cursor)
        await self._line.send(text(encode(snapshot)))
        return identity, join.connection, page.after

    async def _push(self, cursor: Cursor) -> None:
        """Push what is new for as long as the line is open; a line that lags catches up from its cursor."""

        def take(page: EncodedPage) -> bool:
            nonlocal cursor
            pushed = self._line.push(text(page.body))
            if pushed is not Pushed.REFUSED:
                cursor = page.next
                self.counters.events_delivered += page.count
            return pushed is Pushed.WRITTEN

        while True:
            await self._chat.follow(self._room, cursor, take)
            await self._line.drained()
            page = await self._chat.since(self._room, cursor)
            if page.next != cursor:
                await self._line.send(text(page.body))
                cursor = page.next
                self.counters.events_delivered += page.count

    async def _listen(self, identity: Identity) -> None:
        """Carry out commands and acknowledge each, until the line closes; raises Unauthenticated in the end."""
        try:
            async with asyncio.timeout(self._chat.token_left_s(identity)):
                while True:
                    frame = await self._websocket.receive()
                    if frame["type"] == "websocket.disconnect":
                        return
                    self.counters.command_frames += 1
                    await self._line.send(text(await self._answer(identity, frame.get("text") or "")))
        except TimeoutError:
            raise Unauthenticated("token: expired; log in again") from None

    async def _answer(self, identity: Identity, frame: str) -> bytes:
        """Carry out one command, and return the acknowledgement or the refusal as JSON."""
        ref = 0
        try:
            command = decode(frame, type=SocketCommand)
            ref = command.ref
            return encode(await self._chat.carry_out(identity, self._room, command))
        except ChatError as refusal:
            return encode(Refusal(refusal.code, refusal.detail, ref))
        except Undecodable as error:
            return encode(Refusal(BadRequest.code, f"frame: {error}", ref))


def text(body: bytes) -> Message:
    """Return the ASGI message that sends a text frame."""
    return {"type": "websocket.send", "text": body.decode()}
