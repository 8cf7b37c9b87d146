"""The kernel's count of a connection's bytes, and whether clients and servers counted the same."""

import socket
import subprocess
import sys
from contextlib import nullcontext
from math import isnan
from struct import pack
from unittest.mock import Mock

import pytest
from gevent.ssl import SSLSocket

from loadtests.accounts.wire_bytes import INFO_BYTES, WireBytes, disagreements, from_tcp_info
from loadtests.users import socket_meter
from tests.support.deadline import DEADLINE_S
from tests.support.loadtest_rows import counted

linux = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="TCP_INFO is Linux's")
Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Ends:
    """Return a client's and a server's end of one connection, on which 100 bytes went up and 50 down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.sendall(b"u" * 100)
    assert len(server.recv(100, socket.MSG_WAITALL)) == 100
    server.sendall(b"d" * 50)
    assert len(client.recv(50, socket.MSG_WAITALL)) == 50
    return client, server


@linux
@pytest.mark.parametrize("end", ["none", "the server's", "both", "a reset"])
def test_only_payload_is_counted(ends: Ends, end: str) -> None:
    client, server = ends
    with client, server:
        if end == "both":
            client.shutdown(socket.SHUT_WR)
            assert server.recv(1) == b""
        elif end == "a reset":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        if end != "none":
            server.close()
            with pytest.raises(ConnectionResetError) if end == "a reset" else nullcontext():
                assert client.recv(1) == b""
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        assert from_tcp_info(info, end_was_read=end in ("the server's", "both")) == (100, 50)


@linux
def test_bytes_that_wait_in_the_socket_count_as_sent(ends: Ends) -> None:
    client, server = ends
    with client, server:
        client.setblocking(False)
        written = 100
        try:
            while True:
                written += client.send(b"u" * 65_536)
        except BlockingIOError:
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        assert from_tcp_info(info, end_was_read=False) == (written, 50)


def test_equal_counts_agree_and_so_does_a_generator_that_cannot_count() -> None:
    assert list(disagreements(counted(up=100, down=700), WireBytes(100, 700), WireBytes(1100, 1700))) == []
    assert list(disagreements(None, WireBytes(1, 1), WireBytes(1, 1))) == []


def test_counts_may_differ_by_what_passed_around_the_windows_ends_and_totals_not_at_all() -> None:
    client = counted(up=100, down=700, around=5)
    total = WireBytes(1100, 1700)
    assert list(disagreements(client, WireBytes(80, 720), total)) == []
    (message,) = disagreements(client, WireBytes(79, 700), total)
    assert message == (
        "in the window, the generator counted 100 bytes up and 700 down, and the servers 79 bytes up and 700 down, "
        "and 20 bytes up and 20 down passed around its ends"
    )
    for other_total in (WireBytes(1101, 1700), WireBytes(1100, 1699)):
        (message,) = disagreements(client, WireBytes(100, 700), other_total)
        assert message.startswith("over all, the generator counted 1,100 bytes up and 1,700 down")


def test_where_the_kernel_does_not_count_handshakes_are_counted_and_their_bytes_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket_meter, "_kernel_counts", lambda: False)
    monkeypatch.setattr(socket_meter, "DO_HANDSHAKE", lambda _: None)
    monkeypatch.setattr(SSLSocket, "do_handshake", None)  # which is restored after the test
    meter = socket_meter.SocketMeter()
    meter.install()
    SSLSocket.do_handshake(Mock(session_reused=True))
    ((carried, _, resumed),) = meter.handshakes
    assert isnan(carried) and resumed


GOODBYE = """
from gevent import server, socket
from loadtests.users.socket_meter import SocketMeter

def answer_late(line, _):
    while line.recv(100):
        pass
    line.sendall(b"d" * 50)

listener = server.StreamServer(("127.0.0.1", 0), answer_late)
listener.start()
meter = SocketMeter()
meter.install()
line = socket.create_connection(listener.address)
line.sendall(b"u" * 100)
open_count = meter.total()
line.close()
print(open_count.up, *meter.total())
"""


@pytest.mark.process
@linux
def test_bytes_that_arrive_while_a_connection_closes_count() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", GOODBYE], check=True, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert shown.stdout.split() == ["100", "100", "50"]
