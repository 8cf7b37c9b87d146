"""One invocation: a request goes to an instance, and its response comes back.

Teaches what a function does not notice. It receives the whole request at once, and does not learn that the client has
closed the connection: it works, and is billed, to its end (on Vercel functions can opt in to learn it; ours do not).
Only the end of a WebSocket ends both. Headers about one connection ("hop by hop", RFC 9110 section 7.6.1) are not
passed on, and neither are those of a WebSocket's handshake: the edge makes one of its own with the instance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from servers.addresses import Authority, header_values
from servers.deploy.child_process import LOOPBACK
from servers.deploy.serverless.edge_client import Client, Headers
from servers.deploy.serverless.platform_responses import BAD_REQUEST, Refused
from servers.socket_routes import until_first_ends

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect")
)
ABNORMAL_CODE = 1006
NO_CODE = 1005
NORMAL_CODE = 1000
CLOSE_S = 1.0
"""How long an instance may take to answer a client's goodbye."""


class FunctionFailed(Exception):
    """The instance ended, or broke the protocol, before its response was complete."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A request that is complete. on_command: called for each message on its socket but the first, which joins a room.

    opens_socket: whether it is passed on as a WebSocket.
    """

    client: Client
    body: bytes
    opens_socket: bool
    on_command: Callable[[], None]

    async def run(self, address: str, http: httpx.AsyncClient) -> bytes:
        """Relay the request to an instance, and its response; return that response's last bytes. Waits.

        Raises FunctionFailed, and Refused for a request that no instance could get.
        """
        try:
            if self.opens_socket:
                return await self._relay_socket(address)
            return await self._relay_response(address, http)
        except httpx.LocalProtocolError as error:  # such as a control character in a header
            raise Refused(BAD_REQUEST) from error
        except (OSError, httpx.TransportError, InvalidHandshake, EOFError) as error:
            raise FunctionFailed(f"instance at {address}: {type(error).__name__}: {error}") from error

    async def _relay_response(self, address: str, http: httpx.AsyncClient) -> bytes:
        """Pass a response on as it comes; return its last bytes."""
        scope, target = self.client.scope, {"target": self.client.target}
        method = scope.get("method", "GET")  # a WebSocket's handshake, which this host ignores, is a GET as well
        headers = passed_on(scope["headers"])
        request = httpx.Request(method, address, headers=headers, content=self.body, extensions=target)
        response = await http.send(request, stream=True)
        last = b""
        try:
            await self.client.send_head(response.status_code, passed_on(response.headers.raw))
            async for data in response.aiter_raw():
                last = data
                await self.client.send_body(data)
            await self.client.send_body(b"", is_last=True)
        finally:
            await response.aclose()
        return last

    async def _relay_socket(self, address: str) -> bytes:
        """Open a WebSocket to the instance, and relay both ways until either end closes."""
        try:
            function = await self._connect(address)
        except InvalidStatus as error:
            refusal = error.response
            headers = [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.raw_items()]
            await self.client.send_head(refusal.status_code, passed_on(headers))
            await self.client.send_body(bytes(refusal.body or b""), is_last=True)
            return b""
        try:
            await self.client.send({"type": "websocket.accept", "subprotocol": function.subprotocol})
            await until_first_ends(self._relay_messages(function), self._relay_pushes(function))
        finally:
            function.transport.abort()
        return b""

    async def _connect(self, address: str) -> ClientConnection:
        scope, (_, _, port) = self.client.scope, address.rpartition(":")
        headers = [(name, value) for name, value in passed_on(scope["headers"]) if not is_of_handshake(name)]
        try:
            (host,) = header_values(scope["headers"], b"host")
            Authority.parse(host)
            return await connect(
                f"ws://{host}{self.client.target.decode('latin-1')}",
                host=LOOPBACK,
                port=int(port),
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
                await self.client.send({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})
        except ConnectionClosed:
            code = function.close_code
        if code == ABNORMAL_CODE:
            raise FunctionFailed("instance: broke the connection off")
        closing = {"code": NORMAL_CODE if code == NO_CODE else code, "reason": function.close_reason}
        await self.client.send({"type": "websocket.close", **closing})


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that concern more than this connection."""
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def is_of_handshake(name: bytes) -> bool:
    """Return whether a WebSocket's handshake has a header of its own of this name."""
    return name == b"host" or name.startswith(b"sec-websocket-")
