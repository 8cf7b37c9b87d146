"""A server with known delays, to calibrate the load generator with.

    python -m loadtests.experiments.calibration.stub long_polling --delays 0,5,20,100 --notes stub.notes

What crosses the wire: as much of the chat's own protocol as the Locust files of short polling, long polling and raw
WebSocket speak, so that these run unchanged. It writes to its sockets itself, since a moment noted before a framework's
queue would be charged to the generator. Leaves out whatever could fail: it trusts its caller, and is for loopback only.
"""

import asyncio
import gc
import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter
from typing import Any

import httptools
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from loadtests.experiments.calibration.stub_room import Room, Rooms, parse_after
from servers.core.wire import Account, Ack, Join, Leave, LogIn, Page, Send, decode, encode
from servers.transports import Commands, Reads, Transport, find

HOST = "127.0.0.1"
STDIN = 0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class StubHttpConnection(asyncio.Protocol):
    """A connection that asks, and is answered; a poll that finds nothing waits if `holds`."""

    transport: asyncio.Transport

    def __init__(self, rooms: Rooms, holds: bool) -> None:
        self._rooms = rooms
        self._holds = holds
        self._parser = httptools.HttpRequestParser(self)
        self._room: Room | None = None
        self._user = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in a request, or a part; a line that asks to be a WebSocket becomes one."""
        self._arrived_s = perf_counter()
        path = data.partition(b" ")[2].partition(b" ")[0].decode("latin-1")
        if self._room is None and path.endswith("/socket"):
            line = StubWebSocket(self._rooms[path.split("/")[2]], self.transport)
            self.transport.set_protocol(line)
            line.data_received(data)
        else:
            self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._room:
            self._room.listeners.discard(self)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path, _, self._query = url.decode("latin-1").partition("?")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._user = value.decode("latin-1").removeprefix("Bearer ")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._path == "/login":
            name = decode(self._body, type=LogIn).name
            self._reply(encode(Account(name, name, name, 0)))
            return
        _, _, room_name, wish = self._path.split("/")
        self._room = self._rooms[room_name]
        match wish:
            case "join":
                self._reply(encode(self._room.snapshot()))
            case "send":
                message = decode(self._body, type=Send)
                self._reply(encode(self._room.take(message, self._user, self._arrived_s)))
            case "events":
                self._poll(self._room.after(parse_after(self._query)))
            case _:
                self._reply(encode(Ack()))

    def _poll(self, page: Page) -> None:
        assert self._room is not None
        if page.events or not self._holds:
            self.hand(page, encode(page))
        else:
            self._room.listeners.add(self)

    def hand(self, page: Page, encoded: bytes) -> None:
        """Answer a poll, whether it was held or not."""
        assert self._room is not None
        self._room.listeners.discard(self)
        self._room.note(page, self._user)
        self._reply(encoded)

    def _reply(self, body: bytes) -> None:
        self.transport.write(HEAD % len(body) + body)


class StubWebSocket(asyncio.Protocol):
    """A connection that stays open in both directions."""

    def __init__(self, room: Room, transport: asyncio.Transport) -> None:
        self._room = room
        self._transport = transport
        self._protocol = ServerProtocol()
        self._user = ""

    def data_received(self, data: bytes) -> None:
        self._arrived_s = perf_counter()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            match event:
                case Request():
                    self._protocol.send_response(self._protocol.accept(event))
                case Frame(opcode=Opcode.TEXT, data=text):
                    self._protocol.send_text(encode(self._answer(bytes(text))))
        self._transport.write(b"".join(self._protocol.data_to_send()))

    def connection_lost(self, _: Exception | None) -> None:
        self._room.listeners.discard(self)

    def hand(self, page: Page, encoded: bytes) -> None:
        """Push a page."""
        frame = Frame(Opcode.TEXT, encoded).serialize(mask=False)
        self._room.note(page, self._user)
        self._transport.write(frame)

    def _answer(self, text: bytes) -> Any:
        match decode(text, type=Join | Send | Leave):
            case Join() as join:
                self._user = join.token
                self._room.listeners.add(self)
                return self._room.snapshot()
            case Send() as message:
                return self._room.take(message, self._user, self._arrived_s)
            case Leave() as leave:
                self._room.listeners.discard(self)
                return Ack(leave.ref)


def speaks(transport: Transport) -> bool:
    """Return whether the stub can serve a transport: requests that are answered at once or held, and one WebSocket."""
    return transport.reads is not Reads.ONCE or transport.commands is Commands.FRAMES


async def serve(slug: str, delays_ms: list[float], notes: Path) -> None:
    """Serve until standard input closes, then write the notes."""
    rooms, loop, stopping = Rooms(delays_ms), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: StubHttpConnection(rooms, find(slug).reads is Reads.HELD), HOST, 0)
    loop.add_reader(STDIN, stopping.set)
    gc.freeze()
    ready = {"address": f"http://{HOST}:{server.sockets[0].getsockname()[1]}", "pids": {"api": os.getpid()}}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    loop.remove_reader(STDIN)
    server.close()
    rooms.notes.write(notes)


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("slug", help="the transport")
    parser.add_argument("--delays", required=True, help="milliseconds, divided by commas; one room takes one of them")
    parser.add_argument("--notes", required=True, type=Path, help="file for what was handed out when")
    options = parser.parse_args()
    asyncio.run(serve(options.slug, [float(each) for each in options.delays.split(",")], options.notes))


if __name__ == "__main__":
    main()
