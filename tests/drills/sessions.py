"""One session of the fuzzer with one listener: it sends an input, and returns the result."""

import json
import re
import socket
from contextlib import ExitStack, suppress
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from servers.core.wire import Join, encode
from tests.drills.inputs import BEARER, CONNECTIONS, CONTROL, ROOMS, Frame, Input, Request
from tests.support.deadline import DEADLINE_S
from tests.support.guest import bare_socket, receive
from tests.support.pusher_harness import signed_subscription
from tests.support.pusher_process import open_connection

INTERNAL_ERROR = 1011  # RFC 6455 section 7.4.1: what a socket closes with when its handler raises
PLACEHOLDER = re.compile(rb"@(\w+)@")


class Result(StrEnum):
    """The result of an input. failed: a status of 500 or more, close code 1011, or no response in time."""

    PASSED = "passed"
    REFUSED = "refused"
    FAILED = "failed"


class Session:
    """Sends requests on one connection that is kept alive, bytes on one each, and frames on a socket.

    known: what placeholders stand for.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        host = urlsplit(address).netloc
        self.known: dict[str, str] = {"origin": address, "host": host}
        self.http = HTTPConnection(host, timeout=DEADLINE_S)
        self.socket: ClientConnection | None = None
        self.opened = ExitStack()

    def close(self) -> None:
        self.http.close()
        self.drop_socket()

    def drop_socket(self) -> None:
        self.socket = None
        self.opened.close()

    def begin(self) -> None:
        """Prepare the next example, for instance by joining the rooms again."""

    def send(self, given: Input) -> Result:
        """Send an input, and wait for its result."""
        try:
            if isinstance(given, Frame):
                return self.send_frame(given)
            return of_status(self.send_bytes(given) if isinstance(given, bytes) else self.request(given)[0])
        except ConnectionClosed as closed:
            self.drop_socket()
            return Result.FAILED if closed.rcvd is None or closed.rcvd.code == INTERNAL_ERROR else Result.REFUSED
        except InvalidStatus as refused:
            return of_status(refused.response.status_code)
        except (HTTPException, OSError):
            self.close()
            return Result.FAILED

    def request(self, request: Request) -> tuple[int, bytes]:
        """Return the status and the body of a response, without the body if events may follow for ever."""
        headers = {name: self.fill(value.encode("latin-1")) for name, value in request.headers}
        target = self.fill(request.target.encode()).decode()
        self.http.request(request.method, target, self.fill(request.body), headers)
        response = self.http.getresponse()
        if "/events" in target or "/counters" in target:
            self.http.close()
            return response.status, b""
        return response.status, response.read()

    def post(self, target: str, value: object, *headers: tuple[str, str]) -> Any:
        """Post JSON, and return the JSON of the response."""
        return json.loads(self.request(Request("POST", target, encode(value), headers))[1])

    def send_bytes(self, data: bytes) -> int:
        """Send bytes and the end of the stream; return the status of the response, 400 if the server only closes."""
        with socket.create_connection((self.http.host, self.http.port), DEADLINE_S) as raw:
            try:
                raw.sendall(self.fill(data))
                raw.shutdown(socket.SHUT_WR)
                received = raw.recv(64)
            except ConnectionError:
                received = b""
        return int(received[9:12]) if received.startswith(b"HTTP/1.") else 400

    def fill(self, data: bytes) -> bytes:
        return PLACEHOLDER.sub(lambda found: self.known.get(found[1].decode(), "").encode(), data)

    def send_frame(self, frame: Frame) -> Result:
        raise NotImplementedError(f"{type(self).__name__} has no sockets")


class ChatSession(Session):
    """A user who has joined every room over both connections."""

    def begin(self) -> None:
        if "token" not in self.known:
            self.known["token"] = self.post("/login", {"name": "Fuzzer"})["token"]
        for room in ROOMS:
            for connection in CONNECTIONS:
                joined = self.post(f"/rooms/{room}/join", Join(connection), *BEARER)
        self.known["cursor"] = f"{joined['epoch']}.{max(0, joined['head'] - 1)}"

    def send_frame(self, frame: Frame) -> Result:
        if self.socket is None or frame.is_first:
            self.drop_socket()
            self.socket = self.opened.enter_context(bare_socket(self.address, ROOMS[0]))
            if not frame.is_first:
                self.socket.send(encode(Join(CONNECTIONS[0], token=self.known["token"])), text=True)
                receive(self.socket)
        self.socket.send(self.fill(frame.data), text=frame.is_text)
        answer = "page"
        while answer == "page":
            answer = receive(self.socket)["type"]
        return Result.REFUSED if answer == "error" else Result.PASSED


class PusherSession(Session):
    """A client of the push service, whose subscriptions are signed."""

    def send_frame(self, frame: Frame) -> Result:
        """Send a frame, and a second one that is always refused: its refusal shows that the first was handled."""
        if self.socket is None:
            self.socket, self.known["socket_id"] = self.opened.enter_context(open_connection(self.address))
        self.socket.send(self.sign(frame.data), text=frame.is_text)
        self.socket.send('{"event":"pusher:last"}')
        result = Result.PASSED
        while True:
            answer = receive(self.socket)
            if answer["event"] == "pusher:error":
                if "'pusher:last'" in answer["data"]["message"]:
                    return result
                result = Result.REFUSED

    def sign(self, data: bytes) -> bytes:
        """Add the signature to a well-formed subscription."""
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            frame = json.loads(data)
            if frame["event"] == "pusher:subscribe" and "-" in frame["data"]["channel"]:
                return encode({**frame, "data": signed_subscription(self.known["socket_id"], **frame["data"])})
        return data


class DemoSession(Session):
    """A page of the demo, with one window."""

    def begin(self) -> None:
        page = self.request(Request("GET", "/"))[1]
        self.known["secret"] = re.search(rb'secret"[^>]*content="([^"]+)"', page)[1].decode()  # type: ignore[index]
        command = {"type": "open_window", "window": self.known.get("window", "")}
        self.known["window"] = self.post("/control", command, *CONTROL)["window"]


def of_status(status: int) -> Result:
    if status >= 500:
        return Result.FAILED
    return Result.PASSED if 200 <= status < 300 else Result.REFUSED
