"""One invocation: a request goes to an instance, and what it answers comes back.

Teaches what a function does not notice. It is given the whole request at once, and nobody tells it that the client has
hung up: it works, and is paid for, to its end (Vercel passes a hang-up on to functions that opt in, and ours do not).
Only a WebSocket's end is everybody's.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress

import h11

from servers.deploy.serverless.edge_connection import EdgeConnection, passed_on
from servers.deploy.serverless.instance import Instance
from servers.wire_bytes import WireBytes

UPGRADE_HEADERS = frozenset((b"connection", b"upgrade"))
CLOSE = (b"Connection", b"close")


class FunctionFailed(Exception):
    """The instance ended, or broke the protocol, before its answer was whole."""


def wants_socket(request: h11.Request) -> bool:
    """Tell whether a request asks to go on as a WebSocket (RFC 6455 section 4.1)."""
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


Hear = Callable[[bytes], None]


async def call(
    client: EdgeConnection,
    request: h11.Request,
    body: bytes,
    instance: Instance,
    listen: Callable[[], Hear] | None,
    closing: ExitStack,
) -> bytes:
    """Have an instance answer; return the last bytes of the answer. Waits; raises FunctionFailed.

    The instance hears that its line is closed when `closing` is. With `listen`, a wish to go on as a WebSocket is
    passed on; if it is granted, bytes go both ways until either end closes, and `listen()` hears those of the client.
    """
    try:
        reader, writer = await instance.connect()
    except OSError as error:
        raise FunctionFailed(f"instance {instance.pid}: does not listen any more") from error
    function = EdgeConnection(h11.CLIENT, reader, writer, WireBytes())
    closing.callback(function.hang_up)
    try:
        headers = passed_on(request.headers, UPGRADE_HEADERS if listen else frozenset())
        given = h11.Request(
            method=request.method, target=request.target, headers=headers if listen else [*headers, CLOSE]
        )
        await function.say(given, h11.Data(data=body), h11.EndOfMessage())
        return await _pass_back(function, client, listen)
    except (OSError, h11.RemoteProtocolError) as error:
        raise FunctionFailed(f"instance {instance.pid}: {type(error).__name__}: {error}") from error


async def _pass_back(function: EdgeConnection, client: EdgeConnection, listen: Callable[[], Hear] | None) -> bytes:
    last = b""
    while True:
        match await function.hear():
            case h11.Response() as head:
                response = h11.Response(status_code=head.status_code, headers=passed_on(head.headers))
                await client.say(response)
            case h11.Data() as data:
                last = bytes(data.data)
                await client.say(data)
            case h11.EndOfMessage() as end:
                await client.say(end)
                return last
            case h11.InformationalResponse(status_code=101) as switch if listen:
                headers = passed_on(switch.headers, UPGRADE_HEADERS)
                await client.say(h11.InformationalResponse(status_code=101, headers=headers))
                client.switch()
                await _tunnel(function, client, listen())
                return b""
            case h11.InformationalResponse():
                pass
            case other:
                raise FunctionFailed(f"expected an answer, got {other}")


async def _tunnel(function: EdgeConnection, client: EdgeConnection, hear: Hear) -> None:
    """Pass bytes both ways until either end closes."""
    ways = [
        asyncio.create_task(_pipe(function, client)),
        asyncio.create_task(_pipe(client, function, hear)),
    ]
    try:
        ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ended:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pipe(source: EdgeConnection, sink: EdgeConnection, hear: Hear | None = None) -> None:
    with suppress(OSError):
        data = source.http.trailing_data[0] or await source.read()  # what came right behind the handshake
        while data:
            if hear:
                hear(data)
            await sink.write(data)
            data = await source.read()
