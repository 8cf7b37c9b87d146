"""A server with known delays, to calibrate the load generator with.

    python -m loadtests.experiments.calibration.stub long_polling --delays 0,5,20,100 --log stub.log

What crosses the wire: as much of the chat's own protocol as the Locust files of all transports without a push service
speak, so that these run unchanged. It writes to its sockets itself, since a moment recorded before a
framework's queue would be charged to the generator. Leaves out all validation: it trusts its caller, on loopback only.
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

from loadtests.experiments.calibration.stub_room import StubRoom, StubRooms, parse_after
from servers.core.wire import Account, Ack, Join, Leave, LogIn, Page, Send, decode, encode
from servers.transports import Reads, find

HOST = "127.0.0.1"
STDIN = 0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class StubHttpConnection(asyncio.Protocol):
    """A connection for HTTP; a read that finds nothing is answered, held, or a stream, as `reads` says."""

    transport: asyncio.Transport

    def __init__(self, rooms: StubRooms, reads: Reads) -> None:
        self._rooms = rooms
        self._reads = reads
        self._parser = httptools.HttpRequestParser(self)
        self._room: StubRoom | None = None
        self._user = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse a request, or a part of one; a connection with a handshake becomes a WebSocket."""
        self._arrived_s = perf_counter()
        path = data.partition(b" ")[2].partition(b" ")[0].decode("latin-1")
        if data.startswith(b"GET ") and path.endswith("/socket"):
            upgraded = StubWebSocket(self._rooms[path.split("/")[2]], self.transport)
            self.transport.set_protocol(upgraded)
            upgraded.data_received(data)
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
            self._respond(encode(Account(name, name, name, 0)))
            return
        _, _, room_name, action = self._path.split("/")
        room = self._room = self._rooms[room_name]
        match action:
            case "join":
                self._respond(encode(room.snapshot()))
            case "send":
                self._respond(encode(room.send(decode(self._body, type=Send), self._user, self._arrived_s)))
            case "events":
                page = room.after(parse_after(self._query))
                if self._reads is not Reads.POLL:
                    room.listeners.add(self)
                if self._reads is Reads.ONCE:
                    self.transport.write(STREAM)
                if page.events or self._reads is Reads.POLL:
                    self.deliver(page, encode(page))
            case _:
                self._respond(encode(Ack()))

    def deliver(self, page: Page, encoded: bytes) -> None:
        """Respond to a poll, whether it was held or not, or write an event into a stream."""
        assert self._room is not None
        self._room.record(page, self._user)
        if self._reads is Reads.ONCE:
            event = b"data: %b\n\n" % encoded
            self.transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        else:
            self._room.listeners.discard(self)
            self._respond(encoded)

    def _respond(self, body: bytes) -> None:
        self.transport.write(HEAD % len(body) + body)


class StubWebSocket(asyncio.Protocol):
    """A connection that stays open in both directions."""

    def __init__(self, room: StubRoom, transport: asyncio.Transport) -> None:
        self._room = room
        self._transport = transport
        self._protocol = ServerProtocol()
        self._user = ""

    def data_received(self, data: bytes) -> None:
        arrived_s = perf_counter()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            match event:
                case Request():
                    self._protocol.send_response(self._protocol.accept(event))
                case Frame(opcode=Opcode.TEXT, data=text):
                    self._protocol.send_text(encode(self._handle(bytes(text), arrived_s)))
        self._transport.write(b"".join(self._protocol.data_to_send()))

    def connection_lost(self, _: Exception | None) -> None:
        self._room.listeners.discard(self)

    def deliver(self, page: Page, encoded: bytes) -> None:
        """Push a page."""
        frame = Frame(Opcode.TEXT, encoded).serialize(mask=False)
        self._room.record(page, self._user)
        self._transport.write(frame)

    def _handle(self, text: bytes, arrived_s: float) -> Any:
        """Carry out a command; return what to send in response."""
        match decode(text, type=Join | Send | Leave):
            case Join() as join:
                self._user = join.token
                self._room.listeners.add(self)
                return self._room.snapshot()
            case Send() as message:
                return self._room.send(message, self._user, arrived_s)
            case Leave() as leave:
                self._room.listeners.discard(self)
                return Ack(leave.ref)


async def serve(slug: str, delays_ms: list[float], log: Path) -> None:
    """Serve until standard input closes, then write the log."""
    rooms, loop, stopping = StubRooms(delays_ms), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: StubHttpConnection(rooms, find(slug).reads), HOST, 0)
    loop.add_reader(STDIN, stopping.set)
    gc.freeze()
    ready = {"address": f"http://{HOST}:{server.sockets[0].getsockname()[1]}", "pids": {"api": os.getpid()}}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    loop.remove_reader(STDIN)
    server.close()
    rooms.log.write(log)


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("slug", help="the transport")
    parser.add_argument("--delays", required=True, help="milliseconds, separated by commas; each room has one of them")
    parser.add_argument("--log", required=True, type=Path, help="file for when each message arrived and was handed out")
    options = parser.parse_args()
    asyncio.run(serve(options.slug, [float(each) for each in options.delays.split(",")], options.log))


if __name__ == "__main__":
    main()
