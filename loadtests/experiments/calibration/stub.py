"""A server with known delays, to calibrate the load generator with.

    python -m loadtests.experiments.calibration.stub long_polling --delays 0,5,20,100 --log stub.log

What crosses the wire: as much of the chat's own protocol, and of a push service's, as the Locust files use, so that
they run unchanged. The stub writes to its sockets itself: a framework would write later than the recorded moment, and
its delay would count as the generator's. Leaves out all validation: the stub trusts its caller, on loopback only.
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

from clients.pusher_frames import Frame as PusherFrame
from loadtests.experiments.calibration.stub_room import StubRoom, StubRooms, parse_after
from servers.core.wire import (
    Account,
    Ack,
    Join,
    Leave,
    LogIn,
    Page,
    Send,
    ServiceAddress,
    SignedSubscription,
    SignIn,
    decode,
    encode,
)
from servers.transports import Reads, find

HOST = "127.0.0.1"
STDIN = 0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANY_ROOM = "room-0"  # until a subscription names one
STREAM = b"text/event-stream"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % STREAM


class StubHttpConnection(asyncio.Protocol):
    """A connection for HTTP; a poll that finds nothing is held if `holds`, and an event stream does not end."""

    transport: asyncio.Transport

    def __init__(self, rooms: StubRooms, holds: bool) -> None:
        self._rooms = rooms
        self._holds = holds
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
        if data.startswith(b"GET ") and (path.endswith("/socket") or path.startswith("/app/")):
            _, _, room, *socket = path.split("/")
            kind = StubWebSocket if socket else StubPusherSocket
            upgraded = kind(self._rooms, room if socket else ANY_ROOM, self.transport)
            self.transport.set_protocol(upgraded)
            upgraded.data_received(data)
        else:
            self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._room:
            self._room.listeners.discard(self)

    def on_message_begin(self) -> None:
        self._body = b""
        self._streams = False

    def on_url(self, url: bytes) -> None:
        self._path, _, self._query = url.decode("latin-1").partition("?")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._user = value.decode("latin-1").removeprefix("Bearer ")
        elif value == STREAM:
            self._streams = True

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        match self._path.split("/"):
            case [_, "login"]:
                name = decode(self._body, type=LogIn).name
                self._respond(Account(name, name, name, 0))
            case [_, "pusher", "service"]:
                host, port = self.transport.get_extra_info("sockname")
                self._respond(ServiceAddress("stub", "", host, port, tls=False))
            case [_, "pusher", "auth"]:
                self._respond(SignedSubscription(self._user, SignIn("", "")))
            case [_, _, room_name, action]:
                self._room = self._rooms[room_name]
                self._act(self._room, action)

    def _act(self, room: StubRoom, action: str) -> None:
        match action:
            case "join":
                self._respond(room.snapshot())
            case "send":
                self._respond(room.send(decode(self._body, type=Send), self._user, self._arrived_s))
            case "heartbeat":
                self._respond(room.head())
            case "events":
                page = room.after(parse_after(self._query))
                if self._streams:
                    self.transport.write(STREAM_HEAD)
                    room.listeners.add(self)
                if page.events or not self._holds:
                    self.deliver(page, encode(page))
                else:
                    room.listeners.add(self)
            case _:
                self._respond(Ack())

    def deliver(self, page: Page, encoded: bytes) -> None:
        """Respond to a poll, whether it was held or not; or push on a stream."""
        assert self._room is not None
        if self._streams:
            data = b"%x\r\ndata: %b\n\n\r\n" % (len(b"data: \n\n") + len(encoded), encoded)
        else:
            self._room.listeners.discard(self)
            data = HEAD % len(encoded) + encoded
        self._room.record(page, self._user)
        self.transport.write(data)

    def _respond(self, body: Any) -> None:
        encoded = encode(body)
        self.transport.write(HEAD % len(encoded) + encoded)


class StubWebSocket(asyncio.Protocol):
    """A connection that stays open in both directions."""

    def __init__(self, rooms: StubRooms, room: str, transport: asyncio.Transport) -> None:
        self._rooms = rooms
        self._room = rooms[room]
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
                    self._greet()
                case Frame(opcode=Opcode.TEXT, data=text):
                    if response := self._handle(bytes(text), arrived_s):
                        self._protocol.send_text(encode(response))
        self._transport.write(b"".join(self._protocol.data_to_send()))

    def connection_lost(self, _: Exception | None) -> None:
        self._room.listeners.discard(self)

    def deliver(self, page: Page, encoded: bytes) -> None:
        """Push a page."""
        frame = Frame(Opcode.TEXT, encoded).serialize(mask=False)
        self._room.record(page, self._user)
        self._transport.write(frame)

    def _greet(self) -> None:
        """Send what a server sends first: here nothing."""

    def _handle(self, text: bytes, arrived_s: float) -> Any:
        """Carry out a command; return what to send in response, if anything."""
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


class StubPusherSocket(StubWebSocket):
    """A subscription at a push service, whose frames carry a page as a string. `auth` carries the user's name."""

    def deliver(self, page: Page, encoded: bytes) -> None:
        super().deliver(page, encode(PusherFrame("page", encoded.decode())))

    def _greet(self) -> None:
        self._protocol.send_text(encode(PusherFrame("pusher:connection_established", '{"socket_id": "1.1"}')))

    def _handle(self, text: bytes, _: float) -> PusherFrame | None:
        match decode(text, type=PusherFrame):
            case PusherFrame(event="pusher:subscribe", data={"channel": channel, "auth": user}):
                self._user = user
                self._room = self._rooms[channel.removeprefix("private-room-")]
                self._room.listeners.add(self)
                return PusherFrame("pusher_internal:subscription_succeeded", "{}")
        return None


async def serve(slug: str, delays_ms: list[float], log: Path) -> None:
    """Serve until standard input closes, then write the log."""
    rooms = StubRooms(delays_ms)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    server = await loop.create_server(lambda: StubHttpConnection(rooms, find(slug).reads is Reads.HELD), HOST, 0)
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
    asyncio.run(serve(options.slug, list(map(float, options.delays.split(","))), options.log))


if __name__ == "__main__":
    main()
