"""The byte counters count what a client sees on its own side of the connection, to the byte."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator

import httpx
import pytest

from servers.deploy.child_process import ChildProcess, started
from servers.serving import print_ready
from servers.wire_bytes import MeteredTransport, Traffic
from tests.servers.test_command import refused
from tests.support.listener import UPGRADE
from tests.support.pusher_process import ENV

pytestmark = pytest.mark.process


@pytest.fixture
def running() -> Iterator[ChildProcess]:
    with started(["servers", "raw_websocket", "--port", "0"]) as server:
        yield server


def wire(running: ChildProcess) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = httpx.get(f"{running.address}/stats", trust_env=False).json()["wire"]
    return counted


async def test_http_bytes_are_counted_with_headers(running: ChildProcess) -> None:
    before = wire(running)["http"]
    between = wire(running)["http"]
    request_bytes = between["received"] - before["received"]
    host, _, port = running.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: " + b"x" * 1000 + b"\r\n\r\n"
    writer.write(request)
    response = await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
    after = wire(running)["http"]
    response_bytes = between["sent"] - before["sent"]
    assert after["received"] - between["received"] == request_bytes + len(request)
    assert abs(after["sent"] - between["sent"] - response_bytes - len(response)) <= 8  # the counters' own digits grow


async def test_an_upgrade_is_counted_once_and_with_its_frames(running: ChildProcess) -> None:
    host, _, port = running.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    upgrade = UPGRADE.format("/rooms/room/socket").encode() + b"\r\n"
    writer.write(upgrade)
    response = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x81\x82\0\0\0\0{}")  # a masked text frame that is no join: the server closes with 4400
    closing = await reader.read()
    writer.close()
    await writer.wait_closed()
    counted, again = wire(running), wire(running)
    assert response.startswith(b"HTTP/1.1 101")
    assert closing[0] == 0x88
    assert counted["websocket"]["received"] == len(upgrade) + 8
    assert counted["http"]["received"] == again["http"]["received"] - counted["http"]["received"]  # only our request
    assert counted["websocket"]["sent"] == len(response) + len(closing)


@pytest.mark.parametrize("module", ["servers short_polling", "servers.demo", "servers.pusher_service"])
def test_a_port_in_use_is_named_with_the_option_that_takes_another(running: ChildProcess, module: str) -> None:
    port = running.address.rpartition(":")[2]
    output = refused(*module.split()[1:], "--port", port, module=module.split()[0], **ENV)
    assert f"port {port} of 127.0.0.1 is in use; name another one with --port" in output


def test_a_parent_gets_a_line_of_json_and_a_person_reads_in_words_where_the_server_listens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = "http://127.0.0.1:8000", {"transport": "raw_websocket"}, "Open it."
    print_ready(*ready)
    assert json.loads(capsys.readouterr().out) == {"address": ready[0], **ready[1]}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_ready(*ready)
    assert capsys.readouterr().out.splitlines() == ["Listening on http://127.0.0.1:8000   (Ctrl-C ends it)", "Open it."]


async def test_a_server_ends_when_its_parent_closes_its_input(running: ChildProcess) -> None:
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert await asyncio.to_thread(running.process.wait, 15) == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(running.address.rpartition(":")[2])))


async def test_what_is_written_to_a_closing_connection_is_dropped_and_not_counted() -> None:
    traffic, ends = Traffic(), socket.socketpair()
    with ends[0], ends[1]:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ends[0])
        metered = MeteredTransport(transport, traffic)
        metered.write(b"sent")
        transport.close()
        metered.write(b"not sent")
        assert ends[1].recv(100) == b"sent"
        assert await asyncio.to_thread(ends[1].recv, 100) == b""
    assert traffic == Traffic(sent=len(b"sent"))
