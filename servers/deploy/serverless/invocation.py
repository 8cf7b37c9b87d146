"""One invocation: a request goes to an instance, and its response comes back.

Teaches what a function does not notice. It receives the whole request at once, and does not learn that the client has
closed the connection: it works, and is billed, to its end (on Vercel functions can opt in to learn it; ours do not).
Only the end of a WebSocket ends both.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress

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


OnData = Callable[[bytes], None]


async def call(
    client: EdgeConnection,
    request: h11.Request,
    body: bytes,
    instance: Instance,
    new_frame_counter: Callable[[], OnData] | None,
    closing: ExitStack,
) -> bytes:
    """Relay a request and its response; return the response's last bytes. Waits; raises FunctionFailed.

    closing: closes the connection to the instance. new_frame_counter: None for a plain request; for a WebSocket the
    handshake is passed on, and once it is accepted, bytes go both ways until either end closes, and what this returns
    is given those of the client.
    """
    try:
        reader, writer = await instance.connect()
    except OSError as error:
        raise FunctionFailed(f"instance {instance.pid}: no longer listens") from error
    function = EdgeConnection(h11.CLIENT, reader, writer, WireBytes())
    closing.callback(function.abort)
    try:
        given = (
            passed_on(request.headers, UPGRADE_HEADERS) if new_frame_counter else [*passed_on(request.headers), CLOSE]
        )
        head = h11.Request(method=request.method, target=request.target, headers=given)
        await function.send_events(head, h11.Data(data=body), h11.EndOfMessage())
        return await _relay_response(function, client, new_frame_counter)
    except (OSError, h11.RemoteProtocolError) as error:
        raise FunctionFailed(f"instance {instance.pid}: {type(error).__name__}: {error}") from error


async def _relay_response(
    function: EdgeConnection, client: EdgeConnection, new_frame_counter: Callable[[], OnData] | None
) -> bytes:
    last = b""
    while True:
        match await function.receive():
            case h11.Response() as head:
                response = h11.Response(status_code=head.status_code, headers=passed_on(head.headers))
                await client.send_events(response)
            case h11.Data() as data:
                last = bytes(data.data)
                await client.send_events(data)
            case h11.EndOfMessage() as end:
                await client.send_events(end)
                return last
            case h11.InformationalResponse(status_code=101) as switch if new_frame_counter:
                headers = passed_on(switch.headers, UPGRADE_HEADERS)
                await client.send_events(h11.InformationalResponse(status_code=101, headers=headers))
                client.switch()
                await until_first_ends(_pipe(function, client), _pipe(client, function, new_frame_counter()))
                return b""
            case h11.InformationalResponse():
                pass
            case other:
                raise FunctionFailed(f"expected a response, got {other}")


async def _pipe(source: EdgeConnection, sink: EdgeConnection, on_data: OnData | None = None) -> None:
    """Pass bytes on until either end closes."""
    with suppress(OSError):
        data = source.http.trailing_data[0] or await source.read()  # what came right behind the handshake
        while data:
            if on_data:
                on_data(data)
            await sink.write(data)
            data = await source.read()
