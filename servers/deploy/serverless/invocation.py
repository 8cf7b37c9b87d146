"""One invocation: a request goes to an instance, and its response comes back.

Teaches what a function does not notice. It receives the whole request at once, and does not learn that the client has
closed the connection: it works, and is billed, to its end (on Vercel functions can opt in to learn it; ours do not).
Only the end of a WebSocket ends both.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import h11

from servers.deploy.serverless.edge_connection import EdgeConnection, passed_on
from servers.deploy.serverless.instance import Instance
from servers.socket_routes import until_first_ends
from servers.wire_bytes import WireBytes

UPGRADE_HEADERS = frozenset((b"connection", b"upgrade"))
CLOSE = (b"Connection", b"close")


class FunctionFailed(Exception):
    """The instance ended, or broke the protocol, before its response was complete."""


def is_upgrade(request: h11.Request) -> bool:
    """Return whether a request is a WebSocket's handshake (RFC 6455 section 4.1)."""
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A request that is complete, and the connection on which its client waits.

    on_frames: called with the bytes of a client whose request opens a WebSocket; None for a plain request.
    """

    client: EdgeConnection
    request: h11.Request
    body: bytes
    on_frames: Callable[[bytes], None] | None

    async def run(self, instance: Instance, closing: ExitStack) -> bytes:
        """Relay the request and its response; return the response's last bytes. Waits; raises FunctionFailed.

        closing: closes the connection to the instance.
        """
        try:
            reader, writer = await instance.connect()
        except OSError as error:
            raise FunctionFailed(f"instance {instance.pid}: no longer listens") from error
        function = EdgeConnection(h11.CLIENT, reader, writer, WireBytes())
        closing.callback(function.abort)
        try:
            await function.send_events(self._head(), h11.Data(data=self.body), h11.EndOfMessage())
            return await self._relay_response(function)
        except (OSError, h11.RemoteProtocolError) as error:
            raise FunctionFailed(f"instance {instance.pid}: {type(error).__name__}: {error}") from error

    def _head(self) -> h11.Request:
        """Return the request as the instance gets it: a handshake is passed on, a plain request ends its connection."""
        given = self.request.headers
        headers = passed_on(given, UPGRADE_HEADERS) if self.on_frames else [*passed_on(given), CLOSE]
        return h11.Request(method=self.request.method, target=self.request.target, headers=headers)

    async def _relay_response(self, function: EdgeConnection) -> bytes:
        """Pass a response on as it comes; once a WebSocket is open, bytes go both ways until either end closes."""
        last = b""
        while True:
            match await function.receive():
                case h11.Response() as head:
                    response = h11.Response(status_code=head.status_code, headers=passed_on(head.headers))
                    await self.client.send_events(response)
                case h11.Data() as data:
                    last = bytes(data.data)
                    await self.client.send_events(data)
                case h11.EndOfMessage() as end:
                    await self.client.send_events(end)
                    return last
                case h11.InformationalResponse(status_code=101) as switch if self.on_frames:
                    headers = passed_on(switch.headers, UPGRADE_HEADERS)
                    await self.client.send_events(h11.InformationalResponse(status_code=101, headers=headers))
                    self.client.switch()
                    await until_first_ends(_pipe(function, self.client), _pipe(self.client, function, self.on_frames))
                    return b""
                case h11.InformationalResponse():
                    pass
                case other:
                    raise FunctionFailed(f"expected a response, got {other}")


async def _pipe(source: EdgeConnection, sink: EdgeConnection, on_data: Callable[[bytes], None] | None = None) -> None:
    """Pass bytes on until either end closes."""
    with suppress(OSError):
        data = source.http.trailing_data[0] or await source.read()  # what came right behind the handshake
        while data:
            if on_data:
                on_data(data)
            await sink.write(data)
            data = await source.read()
