"""What a WebSocket route is made of: the counterpart of `servers.http_routes`, with frames for requests.

Teaches how a line is opened and closed with care: a token within a time limit, an acknowledgement or a refusal for
every command, and a close code that tells the client whether to come back. What is new for the client comes from the
`receive` that the server module gives; here is everything else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, NotJoined, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, Join, Refusal, SocketCommand, Undecodable, decode, encode
from servers.framed_once import EXTENSION, WRITE, text_frame
from servers.http_routes import Reader
from servers.socket_line import LineLost, Message, SocketLine

Pushing = Callable[[Reader, SocketLine, Counters], Awaitable[None]]
"""Sends a reader what is new for as long as the line is open."""


class Conversation:
    """An ASGI endpoint that serves each line by one call, which waits until the line closes."""

    def __init__(self, chat: Chat, settings: Settings, receive: Pushing) -> None:
        self._chat = chat
        self._log_in_s = settings.log_in_s
        self._receive = receive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a line, and close it with the code that says why, unless the client hangs up first."""
        websocket = WebSocket(scope, receive, send)
        line = SocketLine(send, scope["extensions"].get(EXTENSION, {}).get(WRITE))
        websocket.app.state.counters.requests[Purpose.UPKEEP] += 1
        await websocket.accept()
        try:
            await self._converse(websocket, line)
        except ChatError as refusal:
            with suppress(WebSocketDisconnect):
                await websocket.close(refusal.close_code, refusal.code)
        except (WebSocketDisconnect, LineLost):
            return

    async def _converse(self, websocket: WebSocket, line: SocketLine) -> None:
        """Let the client in, then push and listen at the same time, until either ends."""
        counters: Counters = websocket.app.state.counters
        reader = await self._enter(websocket, line)
        identity, room, connection, _ = reader
        both = {
            asyncio.ensure_future(self._receive(reader, line, counters)),
            asyncio.ensure_future(self._listen(websocket, line, identity, counters)),
        }
        try:
            with self._chat.held(identity, room, connection):
                ended, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            await self._chat.leave(identity, room, connection)

    async def _enter(self, websocket: WebSocket, line: SocketLine) -> Reader:
        """Await the first frame, and answer it with a snapshot; return who joined, and from where they read on."""
        try:
            async with asyncio.timeout(self._log_in_s):
                join = decode(await websocket.receive_text(), type=Join | SocketCommand)
            if not isinstance(join, Join):
                raise NotJoined("the first frame must be a join")
            identity = self._chat.verify(join.token)
            after = Cursor.parse(join.after) if join.after else None
        except TimeoutError:
            raise Unauthenticated(f"join: expected within {self._log_in_s:g} s of connecting") from None
        except (*Undecodable, KeyError, ValueError) as error:
            raise BadRequest(f"join: {error}") from None
        room = websocket.path_params["room"]
        snapshot = await self._chat.join(identity, room, join.connection)
        page = await self._chat.since(room, after or snapshot.cursor)
        await line.send(text(encode(snapshot)))
        return Reader(identity, room, join.connection, page.after)

    async def _listen(self, websocket: WebSocket, line: SocketLine, identity: Identity, counters: Counters) -> None:
        """Answer each command, until the line closes; raises Unauthenticated when the token expires."""
        room = websocket.path_params["room"]
        try:
            async with asyncio.timeout(self._chat.token_left_s(identity)):
                while (frame := await websocket.receive())["type"] != "websocket.disconnect":
                    counters.command_frames += 1
                    answer = await self._answer(identity, room, frame.get("text") or "")
                    await line.send(text(answer))
        except TimeoutError:
            raise Unauthenticated("token: expired; log in again") from None

    async def _answer(self, identity: Identity, room: str, frame: str) -> bytes:
        """Carry out one command, and return the acknowledgement or the refusal as JSON."""
        ref = 0
        try:
            command = decode(frame, type=SocketCommand)
            ref = command.ref
            return encode(await self._chat.carry_out(identity, room, command))
        except ChatError as refusal:
            return encode(Refusal(refusal.code, refusal.detail, ref))
        except Undecodable as error:
            return encode(Refusal(BadRequest.code, f"frame: {error}", ref))


def text(body: bytes) -> Message:
    """Return the ASGI message that sends a text frame."""
    return {"type": "websocket.send", "text": body.decode()}


def page_message(page: EncodedPage) -> Message:
    """Return the ASGI message that sends a page, with its frame for lines that take whole frames."""
    return {**text(page.body), "frame": text_frame(page.body)}
