"""The parts of a WebSocket endpoint: like `servers.http_endpoint`, with frames instead of requests.

Teaches how a socket is opened and closed properly: a token within a time limit, an acknowledgement or a refusal for
every command, and a close code that tells the client whether to reconnect.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from servers.asgi_extensions import SocketClosed, SocketWriter, TextFrame, writer_of
from servers.core.auth import Identity
from servers.core.chat import Chat
from servers.core.counters import Counters, Purpose
from servers.core.errors import BadRequest, ChatError, NotJoined, TooLarge, Unauthenticated
from servers.core.held_lease import HeldLease
from servers.core.settings import Settings
from servers.core.wire import Cursor, Join, Leave, Refusal, Undecodable, decode_command, decode_first_frame, encode
from servers.http_endpoint import Reader, parse_cursor, refusal_of

Deliver = Callable[[Reader, SocketWriter, Counters], Awaitable[None]]
"""Pushes new events to a reader for as long as the socket is open."""


class SocketSession:
    """An ASGI endpoint: each call serves one socket, and waits until it closes."""

    def __init__(self, chat: Chat, settings: Settings, deliver: Deliver) -> None:
        self._chat = chat
        self._settings = settings
        self._deliver = deliver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a socket, serve it, and close it with the code of the refusal, if there is one."""
        counters: Counters = scope["app"].state.counters
        counters.requests[Purpose.UPKEEP] += 1
        await receive()
        await send({"type": "websocket.accept"})
        writer = writer_of(scope)
        with suppress(SocketClosed):
            try:
                await self._serve(scope["path_params"]["room"], receive, writer, counters)
                await writer.close()
            except ChatError as refusal:
                await writer.close(refusal.close_code, refusal.code)

    async def _serve(self, room: str, receive: Receive, writer: SocketWriter, counters: Counters) -> None:
        """Join the room, then push events and execute commands at the same time, until either ends."""
        join = await self._receive_join(receive)
        identity = self._chat.verify(join.token)
        after = parse_cursor("join", join.after) if join.after else None
        async with self._chat.connected(identity, room, join.connection) as held:
            reader = await self._enter(identity, room, join.connection, after, writer, held.holder)
            executing = self._execute_all(receive, writer, reader, counters, held)
            await until_first_ends(self._deliver(reader, writer, counters), executing)

    async def _enter(
        self, identity: Identity, room: str, connection: str, after: Cursor | None, writer: SocketWriter, holder: str
    ) -> Reader:
        """Join the room, send its snapshot, and return the reader. The long snapshot is freed when this returns."""
        snapshot = await self._chat.join(identity, room, connection, holder)
        page = await self._chat.read(room, after or snapshot.cursor)
        await writer.write(TextFrame(encode(snapshot)))
        return Reader(identity, room, connection, page.after)

    async def _receive_join(self, receive: Receive) -> Join:
        """Wait for the first frame. Raises Unauthenticated if it is late, BadRequest or NotJoined if it is no join."""
        try:
            async with asyncio.timeout(self._settings.log_in_s):
                frame = await receive()
            if frame["type"] == "websocket.disconnect":
                raise SocketClosed("the client has left before it joined")
            join = decode_first_frame(frame.get("text") or "")
        except TimeoutError:
            raise Unauthenticated(f"join: expected within {self._settings.log_in_s:g} s of connecting") from None
        except Undecodable as error:
            raise BadRequest(f"join: {error}") from None
        if not isinstance(join, Join):
            raise NotJoined("the first frame must be a join")
        return join

    async def _execute_all(
        self, receive: Receive, writer: SocketWriter, reader: Reader, counters: Counters, held: HeldLease
    ) -> None:
        """Execute commands until the client leaves or disconnects. Raises as HeldLease.required does."""
        async with held.required(self._chat.token_left_s(reader.identity)):
            while (frame := await receive())["type"] != "websocket.disconnect":
                counters.command_frames += 1
                response, has_left = await self._execute(reader, frame.get("text") or "")
                await writer.write(TextFrame(response))
                if has_left:
                    return

    async def _execute(self, reader: Reader, frame: str) -> tuple[bytes, bool]:
        """Execute one command; return its acknowledgement or refusal as JSON, and whether this connection has left."""
        ref = 0
        limit = self._settings.request_bytes_max
        try:
            if len(frame) > limit or len(frame.encode()) > limit:
                raise TooLarge(f"frame: expected at most {limit} bytes; send it in parts")
            command = decode_command(frame)
            ref = command.ref
            ack = await self._chat.execute(reader.identity, reader.room, command)
            return encode(ack), isinstance(command, Leave) and command.connection == reader.connection
        except ChatError as refusal:
            return encode(refusal_of(refusal, ref)), False
        except Undecodable as error:
            return encode(Refusal(BadRequest.code, f"frame: {error}", ref)), False


async def until_first_ends(*awaitables: Awaitable[None]) -> None:
    """Wait until one of the awaitables ends, raise its error if it has one, and cancel the others."""
    tasks = {asyncio.ensure_future(awaitable) for awaitable in awaitables}
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        while ended:
            ended.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        del task  # an error's traceback keeps the variables of this frame, and so a task with all of its objects
        tasks.clear()
