"""A socket on which nothing happens shows its client that it still works."""

import httpx
import pytest
from websockets.sync.client import connect

from servers.core.wire import Join, LogIn, Page, Snapshot, decode, encode
from servers.deploy.child_process import started

pytestmark = pytest.mark.process
DEADLINE_S = 10.0


def test_an_idle_socket_gets_an_empty_page_at_its_cursor_in_each_ping_interval() -> None:
    with started(["servers", "raw_websocket", "--port", "0", "--ping", "0.1"]) as server:
        assert httpx.get(f"{server.address}/health", trust_env=False).json()["ping_s"] == 0.1
        account = httpx.post(f"{server.address}/login", content=encode(LogIn("Ada")), trust_env=False).json()
        url = f"{server.address.replace('http', 'ws')}/rooms/lobby/socket"
        with connect(url, proxy=None, compression=None, open_timeout=DEADLINE_S) as socket:
            socket.send(encode(Join(connection="w", token=account["token"])), text=True)
            snapshot = decode(socket.recv(DEADLINE_S), type=Snapshot)
            for _ in range(3):
                frame = socket.recv(DEADLINE_S)
                assert decode(frame, type=Page) == Page(snapshot.epoch, snapshot.head, snapshot.head, ())
                assert len(frame) < 100
