"""How every app here meets the network: one uvicorn configuration, exact byte counters, one ready line.

Teaches which server settings a comparison must state (keep-alive, pings, compression, protocol implementation) and
where the bytes of a connection are counted: at the transport, so headers, frames and pings are included.
Leaves out what is served: the chat servers and the push service are started by the same code.
"""

import asyncio
import errno
import gc
import io
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from servers.shared_frame import SharedFrame

GRACE_S = 5
STDIN = 0


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What uvicorn is told. The defaults are those of every comparison; `UVICORN_DEFAULTS` are uvicorn's own.

    frame_once: use servers.shared_frame, beyond what ASGI offers. frame_bytes_max: longer frames close with 1009.
    """

    keep_alive_s: int = 75
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    deflate: bool = False
    frame_once: bool = False
    frame_bytes_max: int = 64 * 1024

    def as_dict(self) -> dict[str, Any]:
        """Return all that a comparison must state, the protocol implementations included."""
        loop = "uvloop" if find_spec("uvloop") else "asyncio"
        return {**asdict(self), "http": "httptools", "websocket": "websockets-sansio", "event_loop": loop}


UVICORN_DEFAULTS = HttpSettings(keep_alive_s=5, deflate=True, frame_bytes_max=16 * 1024 * 1024)


@dataclass(slots=True)
class Traffic:
    """TCP payload in bytes."""

    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class WireBytes:
    """What crossed the connections of one listening server since it started; a handshake belongs to its WebSocket."""

    http: Traffic = field(default_factory=Traffic)
    websocket: Traffic = field(default_factory=Traffic)
    connections_open: int = 0
    connections_opened: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class MeteredTransport:
    """An asyncio transport that counts what is written and passes everything on."""

    __slots__ = ("_is_closing", "_transport", "_write", "traffic")

    def __init__(self, transport: asyncio.Transport, traffic: Traffic) -> None:
        self._transport = transport
        self._write, self._is_closing = transport.write, transport.is_closing
        self.traffic = traffic

    def write(self, data: bytes) -> None:
        """Pass data on, and count it, unless the line is closing: then it goes nowhere."""
        if not self._is_closing():
            self.traffic.sent += len(data)
        self._write(data)

    def close(self) -> None:
        """Close when all is written, or after GRACE_S: a client that does not read must not keep the connection."""
        self._transport.close()
        asyncio.get_running_loop().call_later(GRACE_S, self._transport.abort)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Meter:
    """Mixed in front of a uvicorn protocol class: counts what arrives, and wraps the transport once."""

    wire: WireBytes
    traffic: Traffic
    _upgraded_from: Traffic | None = None

    def connection_made(self, transport: Any) -> None:
        if isinstance(transport, MeteredTransport):  # an upgrade: uvicorn replays the request to this protocol
            self._upgraded_from = transport.traffic
            transport.traffic = self.traffic
        else:
            self.wire.connections_open += 1
            self.wire.connections_opened += 1
            transport = MeteredTransport(transport, self.traffic)
        super().connection_made(transport)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        self.traffic.received += len(data)
        if self._upgraded_from:
            self._upgraded_from.received -= len(data)
            self._upgraded_from = None
        super().data_received(data)  # type: ignore[misc]

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.connections_open -= 1
        super().connection_lost(exc)  # type: ignore[misc]


def metered(protocol: type[asyncio.Protocol], wire: WireBytes, traffic: Traffic) -> type[asyncio.Protocol]:
    """Return a subclass of a uvicorn protocol class that counts bytes into `traffic`, connections into `wire`."""
    return type(f"Metered{protocol.__name__}", (_Meter, protocol), {"wire": wire, "traffic": traffic})


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is ready, and warns the app before it stops."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        gc.collect()
        gc.freeze()  # long-lived objects leave the collector's rounds: p99 of a 1,000-way fan-out fell fivefold
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._on_ready(f"http://{host}:{port}")

    async def shutdown(self, sockets: Any = None) -> None:
        self._on_stop()  # parked polls would hold the shutdown up for their whole hold time
        await super().shutdown(sockets)


def print_ready(address: str, facts: Mapping[str, Any], next_step: str = "") -> None:
    """Say where the server listens: to a parent process in one JSON line, to a person at a terminal in words.

    next_step: what a person may open or run now.
    """
    if sys.stdout.isatty():
        print(f"Listening on {address}   (Ctrl-C ends it)", *filter(None, [next_step]), sep="\n", flush=True)
    else:
        print(json.dumps({"address": address, **facts}), flush=True)


def require_free(host: str, port: int) -> None:
    """Raise OSError, in words for a person, if another program listens on that port; 0 takes any that is free."""
    if not port:
        return
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise OSError(f"port {port} of {host} is in use; name another one with --port, or 0 for any") from None


def replace_unencodable() -> None:
    """Let standard output write "?" for a character that its encoding lacks, such as the dots of a cut help text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _stop_at_eof(server: uvicorn.Server) -> None:
    """Stop the server when standard input closes: a parent that dies, however it dies, takes its children along."""
    while os.read(STDIN, 4096):
        pass
    server.should_exit = True


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run a server on uvloop, where there is one, until it ends; a signal that stops it exits with status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises what it caught again once it has stopped
        signal.signal(number, lambda *_: sys.exit(0))
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(serving)


async def serve(
    app: Starlette,
    *,
    host: str,
    port: int,
    http: HttpSettings,
    on_ready: Callable[[str], None],
    on_stop: Callable[[], None] = lambda: None,
    attached: bool = False,
    reuse_port: bool = False,
) -> None:
    """Serve `app` until a signal arrives, or until standard input closes if `attached`.

    `app.state.wire` must be a WireBytes; port 0 takes a free port; `on_ready` gets the address; `on_stop` is called
    before connections are closed; with `reuse_port`, others may listen on the same port. Raises OSError when the port
    is taken.
    """
    if not reuse_port:
        require_free(host, port)
    wire: WireBytes = app.state.wire
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=metered(HttpToolsProtocol, wire, wire.http),
        ws=metered(SharedFrame if http.frame_once else WebSocketsSansIOProtocol, wire, wire.websocket),
        timeout_keep_alive=http.keep_alive_s,
        ws_ping_interval=http.ping_interval_s,
        ws_ping_timeout=http.ping_timeout_s,
        ws_per_message_deflate=http.deflate,
        ws_max_size=http.frame_bytes_max,
        timeout_graceful_shutdown=GRACE_S,
        proxy_headers=False,  # nobody stands before us whose word on the client's address we take
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    server = _Server(config, on_ready, on_stop)
    if attached:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    await server.serve([_reusable_socket(host, port)] if reuse_port else None)


def _reusable_socket(host: str, port: int) -> socket.socket:
    """Return a socket on a port that other processes of this user may listen on as well: each gets a share."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sharing = socket.socket(family, kind, protocol)
    for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):  # the latter, for whoever has the port after us
        sharing.setsockopt(socket.SOL_SOCKET, option, 1)
    sharing.bind(address)
    return sharing
