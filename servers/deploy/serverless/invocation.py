"""One invocation: a request goes to an instance, and its response comes back.

Teaches what a function does not notice. It receives the whole request at once, and is not notified when the client
closes the connection: it works, and is billed, to its end. Only the end of a WebSocket is passed on, both ways. Headers
about one connection ("hop by hop", RFC 9110 section 7.6.1), and those of a WebSocket's handshake, are not passed on.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import h11
from starlette.types import Message
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from servers.addresses import Authority, header_values
from servers.deploy.child_process import LOOPBACK
from servers.deploy.serverless.edge_client import BAD_REQUEST, Client, Headers, Refused
from servers.socket_routes import until_first_ends

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
EXPECT = b"expect"
"""Not passed on either: it announces a body (RFC 9110 section 10.1.1), which the host has received by then."""
READ_BYTES = 65_536
CLOSE_S = 1.0  # how long an instance may take to respond to a client's goodbye


class FunctionFailed(Exception):
    """The instance ended, or broke the protocol, before its response was complete."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One fully received request, and how to relay it.

    on_command: called for each message on its socket but the first, which joins a room.
    opens_socket: whether the request is passed on as a WebSocket.
    """

    client: Client
    body: bytes
    opens_socket: bool
    on_command: Callable[[], None]

    async def run(self, port: int) -> list[Message]:
        """Relay the request to the instance on a port, and its response; return the messages that end it. Waits.

        They are sent when the instance is free again: the client may send its next request as soon as it has them.
        Raises FunctionFailed, and Refused for a malformed request.
        """
        try:
            if self.opens_socket:
                return await self._relay_socket(port)
            return await self._relay_response(port)
        except h11.LocalProtocolError as error:  # such as a control character in a header
            raise Refused(BAD_REQUEST) from error
        except (OSError, h11.RemoteProtocolError, InvalidHandshake, EOFError) as error:
            raise FunctionFailed(f"instance on port {port}: {type(error).__name__}: {error}") from error

    async def _relay_response(self, port: int) -> list[Message]:
        """Pass a response on as it comes; return the messages that came together with its end."""
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        function = h11.Connection(h11.CLIENT)
        held: list[Message] = []
        try:
            for part in (self._head(), h11.Data(data=self.body), h11.EndOfMessage()):
                writer.write(function.send(part) or b"")
            while not isinstance(event := function.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Response):
                    held.append(self.client.head(event.status_code, passed_on(event.headers)))
                elif isinstance(event, h11.Data):
                    held.append(self.client.body(bytes(event.data)))
                elif not isinstance(event, h11.Event):  # it needs more data
                    while held:
                        await self.client.send(held.pop(0))
                    function.receive_data(await reader.read(READ_BYTES))
        finally:
            writer.transport.abort()
        return [*held, self.client.body(b"", is_last=True)]

    def _head(self) -> h11.Request:
        """Return the request's head for the instance, which closes the connection after its response."""
        method = self.client.scope.get("method", "GET")  # a WebSocket's handshake, which this host ignores, is a GET
        headers = [header for header in passed_on(self.client.scope["headers"]) if header[0] != b"content-length"]
        own = [(b"content-length", b"%d" % len(self.body)), (b"connection", b"close")]
        return h11.Request(method=method, target=self.client.target, headers=[*headers, *own])

    async def _relay_socket(self, port: int) -> list[Message]:
        """Open a WebSocket to the instance, and relay both ways until either end closes; return a refusal."""
        try:
            function = await self._connect(port)
        except InvalidStatus as error:
            refusal = error.response
            headers = [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.raw_items()]
            body = self.client.body(bytes(refusal.body or b""), is_last=True)
            return [self.client.head(refusal.status_code, passed_on(headers)), body]
        try:
            await self.client.send({"type": "websocket.accept", "subprotocol": function.subprotocol})
            await until_first_ends(self._relay_messages(function), self._relay_pushes(function))
        finally:
            function.transport.abort()
        return []

    async def _connect(self, port: int) -> ClientConnection:
        scope = self.client.scope
        headers = [(name, value) for name, value in passed_on(scope["headers"]) if not is_of_handshake(name)]
        try:
            (host,) = header_values(scope["headers"], b"host")
            Authority.parse(host)
            return await connect(
                f"ws://{host}{self.client.target.decode('latin-1')}",
                host=LOOPBACK,
                port=port,
                additional_headers=[(name.decode(), value.decode("latin-1")) for name, value in headers],
                subprotocols=scope["subprotocols"] or None,
                compression=None,
                proxy=None,
                max_size=None,
                ping_interval=None,
                close_timeout=CLOSE_S,
                user_agent_header=None,
            )
        except (ValueError, InvalidURI) as error:
            raise Refused(BAD_REQUEST) from error

    async def _relay_messages(self, function: ClientConnection) -> None:
        """Pass the client's messages on until it disconnects, and count them."""
        is_join = True
        try:
            while (message := await self.client.receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.receive":
                    if not is_join:
                        self.on_command()
                    is_join = False
                    text = message.get("text")
                    await function.send(message["bytes"] if text is None else text)
            await function.close()
        except ConnectionClosed:
            pass

    async def _relay_pushes(self, function: ClientConnection) -> None:
        """Pass the function's messages on until it closes, and its close code."""
        try:
            while True:
                data = await function.recv()
                kind = "text" if isinstance(data, str) else "bytes"
                await self.client.send({"type": "websocket.send", kind: data})
        except ConnectionClosed as closed:
            code, sent = function.close_code, closed.sent
        if code == CloseCode.ABNORMAL_CLOSURE:
            if sent is not None and sent.code == CloseCode.NORMAL_CLOSURE:
                return  # the client has said goodbye, and the instance has not responded in time
            raise FunctionFailed("instance: broke the connection off")
        code = CloseCode.NORMAL_CLOSURE if code == CloseCode.NO_STATUS_RCVD else code
        await self.client.send({"type": "websocket.close", "code": code, "reason": function.close_reason})


def passed_on(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return the end-to-end headers, without spaces around values (RFC 9110 section 5.5)."""
    listed = b",".join(value for name, value in headers if name.lower() == b"connection").lower().split(b",")
    dropped = {*HOP_BY_HOP, EXPECT, *(name.strip(b" \t") for name in listed)}
    return [(name, value.strip(b" \t")) for name, value in headers if name.lower() not in dropped]


def is_of_handshake(name: bytes) -> bool:
    """Return whether the handshake with the instance sets this header itself."""
    return name == b"host" or name.startswith(b"sec-websocket-")
