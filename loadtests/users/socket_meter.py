"""Counts the bytes of every connection that this process opens, whoever opens it.

Teaches that one hook covers all: whatever speaks HTTP or WebSocket here connects and closes a socket of gevent's. The
kernel counts; a connection is only noted here when it opens, and read when it closes. It is closed in two steps, our
half first: what the server had sent already still arrives, and so both sides count it.

Linux only: elsewhere there is no TCP_INFO, and the servers' counts stand alone. Leaves out connections that are dropped
without being closed.
"""

import socket as standard
from contextlib import suppress

import gevent
from gevent.socket import socket  # type: ignore[attr-defined]

from loadtests.accounts.wire_bytes import INFO_BYTES, Around, ClientBytes, WireBytes, from_tcp_info

CONNECT, REAL_CLOSE = socket.connect, socket._real_close
GOODBYE_S = 10.0
READ_BYTES = 65_536


class SocketMeter:
    """What has crossed all connections opened since `install`, closed ones included."""

    def __init__(self) -> None:
        self._open: set[int] = set()  # descriptors: they outlive the socket that TLS takes them from
        self._closed = WireBytes()
        self._noted: list[WireBytes] = []

    def install(self) -> None:
        """Have gevent's sockets tell this meter, and no earlier one; does nothing where the kernel does not count."""
        if not _kernel_counts():
            return

        def connect(line: socket, address: object) -> None:
            CONNECT(line, address)
            self._open.add(line.fileno())

        def real_close(line: socket) -> None:
            if line.fileno() in self._open:
                heard_end = _finish(line)
                self._open.discard(line.fileno())
                self._closed = self._closed.plus(_carried(line.fileno(), heard_end))
            REAL_CLOSE(line)

        socket.connect, socket._real_close = connect, real_close

    def total(self) -> WireBytes:
        """Read all connections: about 3 us for each that is open."""
        total = self._closed
        for descriptor in self._open:
            with suppress(OSError):  # dropped without being closed: what it carried is gone with it
                total = total.plus(_carried(descriptor, heard_end=False))
        return total

    def note(self) -> None:
        """Keep a reading. Six are due: around the window's start and around its end."""
        self._noted.append(self.total())

    def told(self) -> ClientBytes | None:
        """Return the readings, with the last one now; None if the window was not reached, or nothing counts."""
        if len(self._noted) != 2 * len(Around._fields) or not _kernel_counts():
            return None
        return ClientBytes(Around(*self._noted[:3]), Around(*self._noted[3:]), self.total())


def _kernel_counts() -> bool:
    with standard.socket() as fresh:
        return hasattr(standard, "TCP_INFO") and len(_info(fresh)) == INFO_BYTES


def _info(line: standard.SocketType) -> bytes:
    return line.getsockopt(standard.IPPROTO_TCP, standard.TCP_INFO, INFO_BYTES)


def _carried(descriptor: int, heard_end: bool) -> WireBytes:
    """Read a connection by its descriptor, which stays open; raises OSError."""
    line = standard.SocketType(standard.AF_INET, standard.SOCK_STREAM, 0, descriptor)
    try:
        return from_tcp_info(_info(line), heard_end)
    finally:
        line.detach()


def _finish(line: socket) -> bool:
    """Close our half, and take in the rest; say whether the other side's end came, too, within GOODBYE_S."""
    with suppress(OSError), gevent.Timeout(GOODBYE_S, False):
        line.shutdown(standard.SHUT_WR)
        while line.recv(READ_BYTES):
            pass
        return True
    return False
