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
from servers.core.errors import BadRequest, ChatError, NotJoined, TooLarge, Unauthenticated
from servers.core.room_feed import EncodedPage
from servers.core.settings import Settings
from servers.core.wire import Cursor, Join, Leave, Refusal, SocketCommand, Undecodable, decode, encode
from servers.http_routes import Reader
from servers.shared_frame import EXTENSION, WRITE, text_frame
from servers.socket_writer import ConnectionLost, Message, SocketWriter

Pushing = Callable[[Reader, SocketWriter, Counters], Awaitable[None]]
"""Sends a reader what is new for as long as the line is open."""


class SocketSession:
    """An ASGI endpoint that serves each line by one call, which waits until the line closes."""

    def __init__(self, chat: Chat, settings: Settings, receive: Pushing) -> None:
        self._chat = chat
        self._settings = settings
        self._receive = receive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a line, and close it with the code that says why, unless the client hangs up first."""
        websocket = WebSocket(scope, receive, send)
        line = SocketWriter(send, scope["extensions"].get(EXTENSION, {}).get(WRITE))
        websocket.app.state.counters.requests[Purpose.UPKEEP] += 1
        await websocket.accept()
        with suppress(WebSocketDisconnect, ConnectionLost):
            try:
                await self._converse(websocket, line)
                await websocket.close()
            except ChatError as refusal:
                await websocket.close(refusal.close_code, refusal.code)

    async def _converse(self, websocket: WebSocket, line: SocketWriter) -> None:
        """Let the client in, then push and listen at the same time, until either ends."""
        identity, room, join, after = await self._first_frame(websocket)
        try:
            with self._chat.held(identity, room, join.connection):
                snapshot = await self._chat.join(identity, room, join.connection)
                page = await self._chat.since(room, after or snapshot.cursor)
                await line.send(text(encode(snapshot)))
                reader = Reader(identity, room, join.connection, page.after)
                counters: Counters = websocket.app.state.counters
                await _until_first(
                    self._receive(reader, line, counters), self._listen(websocket, line, reader, counters)
                )
        finally:
            await self._chat.hang_up(identity, room, join.connection)

    async def _first_frame(self, websocket: WebSocket) -> tuple[Identity, str, Join, Cursor | None]:
        """Await the first frame; return who wants to join which room, how, and from where to read on."""
        try:
            async with asyncio.timeout(self._settings.log_in_s):
                join = decode(await websocket.receive_text(), type=Join | SocketCommand)
            if not isinstance(join, Join):
                raise NotJoined("the first frame must be a join")
            identity = self._chat.verify(join.token)
            return identity, websocket.path_params["room"], join, Cursor.parse(join.after) if join.after else None
        except TimeoutError:
            raise Unauthenticated(f"join: expected within {self._settings.log_in_s:g} s of connecting") from None
        except (*Undecodable, KeyError, ValueError) as error:
            raise BadRequest(f"join: {error}") from None

    async def _listen(self, websocket: WebSocket, line: SocketWriter, reader: Reader, counters: Counters) -> None:
        """Answer each command, until the client leaves or hangs up; raises Unauthenticated when the token expires."""
        try:
            async with asyncio.timeout(self._chat.token_left_s(reader.identity)):
                while (frame := await websocket.receive())["type"] != "websocket.disconnect":
                    counters.command_frames += 1
                    answer, has_left = await self._answer(reader, frame.get("text") or "")
                    await line.send(text(answer))
                    if has_left:
                        return
        except TimeoutError:
            raise Unauthenticated("token: expired; log in again") from None

    async def _answer(self, reader: Reader, frame: str) -> tuple[bytes, bool]:
        """Carry out one command; return its acknowledgement or refusal as JSON, and whether this line has left."""
        ref, limit = 0, self._settings.request_bytes_max
        try:
            if len(frame) > limit or len(frame.encode()) > limit:
                raise TooLarge(f"frame: expected at most {limit} bytes; send it in parts")
            command = decode(frame, type=SocketCommand)
            ref = command.ref
            ack = await self._chat.carry_out(reader.identity, reader.room, command)
            return encode(ack), isinstance(command, Leave) and command.connection == reader.connection
        except ChatError as refusal:
            return encode(Refusal(refusal.code, refusal.detail, ref)), False
        except Undecodable as error:
            return encode(Refusal(BadRequest.code, f"frame: {error}", ref)), False


async def _until_first(*lives: Awaitable[None]) -> None:
    """Await the first to end, and raise what it raised; the others are cancelled."""
    tasks = {asyncio.ensure_future(life) for life in lives}
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def text(body: bytes) -> Message:
    """Return the ASGI message that sends a text frame."""
    return {"type": "websocket.send", "text": body.decode()}


def page_message(page: EncodedPage) -> Message:
    """Return the ASGI message that sends a page, with its frame for lines that take whole frames."""
    return {**text(page.body), "frame": text_frame(page.body)}
