"""Counts the bytes of every connection that this process opens.

Teaches that one hook covers all connections, since all of them are gevent's sockets. The kernel counts. A connection
is closed in two steps, our half first: so the bytes that the server has sent already still arrive, and both sides count
them. Linux only: elsewhere there is no TCP_INFO. Leaves out connections that are dropped without being closed.
"""

import socket as standard
from contextlib import suppress
from math import nan
from time import perf_counter

import gevent
from gevent.socket import socket  # type: ignore[attr-defined]
from gevent.ssl import SSLSocket

from loadtests.accounts.rows import Handshake
from loadtests.accounts.wire_bytes import INFO_BYTES, Around, ClientBytes, WireBytes, from_tcp_info

CONNECT, REAL_CLOSE, DO_HANDSHAKE = socket.connect, socket._real_close, SSLSocket.do_handshake
CLOSE_S = 10.0
READ_BYTES = 65_536


class SocketMeter:
    """What has crossed all connections opened since `install`, closed ones included."""

    def __init__(self) -> None:
        self._open: set[int] = set()  # descriptors: TLS moves them to another socket object
        self._closed = WireBytes()
        self._readings: list[WireBytes] = []
        self.handshakes: list[Handshake] = []

    def install(self) -> None:
        """Hook gevent's sockets, in place of an earlier meter; where the kernel does not count, only handshakes."""
        counts = _kernel_counts()

        def connect(connection: socket, address: object) -> None:
            CONNECT(connection, address)
            self._open.add(connection.fileno())

        def real_close(connection: socket) -> None:
            if connection.fileno() in self._open:
                end_was_read = _finish(connection)
                self._open.discard(connection.fileno())
                self._closed = self._closed.plus(_carried(connection.fileno(), end_was_read))
            REAL_CLOSE(connection)

        def do_handshake(connection: SSLSocket) -> None:
            begun_s = perf_counter()
            DO_HANDSHAKE(connection)  # type: ignore[no-untyped-call]
            took_us = round(1e6 * (perf_counter() - begun_s))
            carried = sum(_carried(connection.fileno(), end_was_read=False)) if counts else nan
            self.handshakes.append(Handshake(carried, took_us, bool(connection.session_reused)))

        if counts:
            socket.connect, socket._real_close = connect, real_close
        SSLSocket.do_handshake = do_handshake  # type: ignore[method-assign]

    def total(self) -> WireBytes:
        """Return what crossed all connections; takes 2 us for each open one, while no greenlet receives."""
        up, down = self._closed
        for descriptor in self._open:
            try:
                carried_up, carried_down = _carried(descriptor, end_was_read=False)
            except OSError:  # dropped without being closed: its count is lost
                continue
            up += carried_up
            down += carried_down
        return WireBytes(up, down)

    def record(self) -> None:
        """Keep a reading. Six are expected: around the window's start and around its end."""
        self._readings.append(self.total())

    def client_bytes(self) -> ClientBytes | None:
        """Return the readings, with the last one now; None if the window was not reached, or nothing counts."""
        if len(self._readings) != 2 * len(Around._fields) or not _kernel_counts():
            return None
        return ClientBytes(Around(*self._readings[:3]), Around(*self._readings[3:]), self.total())


def _kernel_counts() -> bool:
    with standard.socket() as fresh:
        return hasattr(standard, "TCP_INFO") and len(_info(fresh)) == INFO_BYTES


def _info(connection: standard.SocketType) -> bytes:
    return connection.getsockopt(standard.IPPROTO_TCP, standard.TCP_INFO, INFO_BYTES)


def _carried(descriptor: int, end_was_read: bool) -> WireBytes:
    """Read a connection by its descriptor, which stays open; raises OSError."""
    connection = standard.SocketType(standard.AF_INET, standard.SOCK_STREAM, 0, descriptor)
    try:
        return from_tcp_info(_info(connection), end_was_read)
    finally:
        connection.detach()


def _finish(connection: socket) -> bool:
    """Close our half, and read the rest; return whether the other side closed its half, too, within CLOSE_S."""
    with suppress(OSError), gevent.Timeout(CLOSE_S, False):
        connection.shutdown(standard.SHUT_WR)
        while connection.recv(READ_BYTES):
            pass
        return True
    return False
