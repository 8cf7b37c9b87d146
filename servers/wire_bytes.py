"""Count the bytes of every connection at its transport, so that headers, frames and pings are included.

Teaches that a protocol's overhead is visible only in the layer below it. Leaves out the headers of TCP and IP, and what
TLS adds.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

READINGS = (b"GET /stats ", b"GET /host/stats ")
"""How a request for the counters themselves begins: its bytes are not counted."""
ABORT_AFTER_S = 5  # how long a connection that is being closed may take to send its remaining data


@dataclass(slots=True)
class Traffic:
    """TCP payload in bytes; with TLS, what is inside."""

    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class WireBytes:
    """The traffic of one listening server since it started; an upgrade request counts as its WebSocket's.

    connections_busy: how many of the open ones carry a request or a WebSocket now; HTTP keeps others open, idle.
    """

    http: Traffic = field(default_factory=Traffic)
    websocket: Traffic = field(default_factory=Traffic)
    connections_open: int = 0
    connections_busy: int = 0
    connections_opened: int = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count a connection as busy until the block ends."""
        self.connections_busy += 1
        try:
            yield
        finally:
            self.connections_busy -= 1


class MeteredTransport:
    """An asyncio transport that counts written bytes, and aborts a connection whose closing takes too long."""

    __slots__ = ("_aborting", "_transport", "_write", "is_closing", "traffic")

    def __init__(self, transport: asyncio.Transport, traffic: Traffic) -> None:
        self._transport = transport
        self._write = transport.write
        self.is_closing = transport.is_closing
        self.traffic = traffic
        self._aborting: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Write data, and count it unless the connection is closing: then it is dropped."""
        if not self.is_closing():
            self.traffic.sent += len(data)
        self._write(data)

    def close(self) -> None:
        """Close when all is written, or after ABORT_AFTER_S: a client may have stopped reading."""
        self._transport.close()
        if self._aborting is None:
            self._aborting = asyncio.get_running_loop().call_later(ABORT_AFTER_S, self._transport.abort)

    def note_lost(self) -> None:
        """Cancel the timer, which would keep the connection's objects in memory until it fires."""
        if self._aborting is not None:
            self._aborting.cancel()

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
        self._metered_transport = transport
        super().connection_made(transport)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        traffic = Traffic() if data.startswith(READINGS) else self.traffic  # a reading has a count of its own
        self._metered_transport.traffic = traffic
        traffic.received += len(data)
        if self._upgraded_from:  # the replayed request, which was counted as HTTP
            self._upgraded_from.received -= len(data)
            self._upgraded_from = None
        super().data_received(data)  # type: ignore[misc]

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.connections_open -= 1
        super().connection_lost(exc)  # type: ignore[misc]
        self._metered_transport.note_lost()


def metered(
    protocol: type[asyncio.Protocol], wire: WireBytes, traffic: Traffic, **settings: object
) -> type[asyncio.Protocol]:
    """Return a subclass of a uvicorn protocol class that counts bytes into `traffic`, connections into `wire`.

    settings: further attributes of the class, since uvicorn makes its instances.
    """
    return type(f"Metered{protocol.__name__}", (_Meter, protocol), {"wire": wire, "traffic": traffic, **settings})
