"""Run an ASGI application: one uvicorn configuration for all servers.

Teaches which server settings a comparison must state: keep-alive, pings, compression, protocol implementations. Leaves
out the applications: the chat servers and the push service are started by the same code.
"""

import asyncio
import gc
import logging
import os
import signal
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.server import ServerState

from servers.addresses import bracketed
from servers.compression import compressed
from servers.connection_limits import ConnectionLimits, DescriptorLimit
from servers.limited_protocols import LimitedHttp, LimitedSocket
from servers.links import Link, certificate_file
from servers.listening_sockets import require_free, reusable_socket
from servers.shared_writes import SharedFrameSocket, SharedResponseHttp
from servers.standard_streams import STDIN
from servers.wire_bytes import WireBytes, metered

SHUTDOWN_S = 5
GARBAGE_MIN = 20_000


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Settings of uvicorn. Every comparison uses the defaults; `UVICORN_DEFAULTS` are uvicorn's own.

    frame_bytes_max: longer frames close with 1009.
    """

    keep_alive_s: float = 75
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    deflate: bool = False
    gzip: bool = False
    frame_bytes_max: int = 64 * 1024
    link: Link = Link.PLAIN
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    def as_dict(self) -> dict[str, Any]:
        """Return all that a comparison must state, the protocol implementations included."""
        loop = "uvloop" if find_spec("uvloop") else "asyncio"
        http = f"zttp {version('zttp')} (experimental)" if self.link is Link.H2 else "httptools"
        return {**asdict(self), "http": http, "websocket": "websockets-sansio", "event_loop": loop}


UVICORN_DEFAULTS = HttpSettings(keep_alive_s=5, deflate=True, frame_bytes_max=16 * 1024 * 1024)


class _Server(uvicorn.Server):
    """A uvicorn server with two hooks: on_ready gets its address, on_stop is called before connections are closed."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        gc.collect()
        gc.freeze()  # the collector skips long-lived objects: p99 of a 1,000-way fan-out fell fivefold
        gc.set_threshold(GARBAGE_MIN)  # a fan-out to 1,000 clients creates as many objects, and frees all of them
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._on_ready(f"{'https' if self.config.is_ssl else 'http'}://{bracketed(host)}:{port}")

    async def shutdown(self, sockets: Any = None) -> None:
        self._on_stop()  # held polls would delay the shutdown by their hold time
        await super().shutdown(sockets)

    def stop_at_eof(self) -> None:
        """Stop when standard input closes, so that no server outlives its parent process. Blocks."""
        while os.read(STDIN, 4096):
            pass
        self.should_exit = True


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run a server on uvloop, where there is one, until it ends; a signal that stops it exits with status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the signal again once it has stopped
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
    before connections are closed; with `reuse_port`, other processes of this user may listen on the same port, and the
    kernel divides connections between them. Raises OSError when the port is taken.
    """
    if not reuse_port:
        require_free(host, port)
    logging.getLogger("uvicorn.error").addFilter(is_worth_logging)
    descriptors = DescriptorLimit()
    asyncio.get_running_loop().set_exception_handler(descriptors.handle_exception)
    server = _Server(configuration(app, app.state.wire, host, port, http, descriptors), on_ready, on_stop)
    if attached:
        threading.Thread(target=server.stop_at_eof, daemon=True).start()
    await server.serve([reusable_socket(host, port)] if reuse_port else None)


def is_worth_logging(record: logging.LogRecord) -> bool:
    """Return False for the record of a cancelled request: that is no fault, its server stops."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


@asynccontextmanager
async def listening(config: uvicorn.Config, state: ServerState) -> AsyncIterator[asyncio.Server]:
    """Serve in this event loop until the block ends; then drop every connection.

    state: where uvicorn keeps its open connections and tasks.
    """
    config.load()
    make: Callable[..., asyncio.Protocol] = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: make(config=config, server_state=state, app_state={}), config.host, config.port, ssl=config.ssl
    )
    try:
        yield server
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)


def configuration(
    app: ASGIApp,
    wire: WireBytes,
    host: str,
    port: int,
    http: HttpSettings,
    descriptors: DescriptorLimit,
    http_protocol: type[LimitedHttp] = SharedResponseHttp,
    socket_protocol: type[LimitedSocket] = SharedFrameSocket,
) -> uvicorn.Config:
    """Return uvicorn's configuration, with protocols that count bytes and have limits."""
    tls: dict[str, Any] = {}
    if http.link is not Link.PLAIN:
        tls = {"ssl_certfile": certificate_file(), "ssl_context_factory": _tls_1_3}
    protocol = metered(http_protocol, wire, wire.http, limits=http.limits, descriptors=descriptors)
    if http.link is Link.H2:
        http2 = import_module("servers.http2")  # which needs an optional dependency group
        h2 = metered(http2.LimitedHttp2, wire, wire.http, limits=http.limits, descriptors=descriptors)
        protocol = http2.negotiated(protocol, h2)
    return uvicorn.Config(
        compressed(app) if http.gzip else app,
        host=host,
        port=port,
        http=protocol,
        ws=metered(socket_protocol, wire, wire.websocket, limits=http.limits),
        timeout_keep_alive=http.keep_alive_s,  # type: ignore[arg-type]  # it goes to call_later
        ws_ping_interval=http.ping_interval_s,
        ws_ping_timeout=http.ping_timeout_s,
        ws_per_message_deflate=http.deflate,
        ws_max_size=http.frame_bytes_max,
        timeout_graceful_shutdown=SHUTDOWN_S,
        proxy_headers=False,  # a log-in alone reads them: see servers.http_routes
        access_log=False,
        log_level="warning",
        server_header=False,
        **tls,
    )


def _tls_1_3(_: uvicorn.Config, make_context: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return uvicorn's TLS context without versions before 1.3, which today's browsers and servers do not need."""
    context = make_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
