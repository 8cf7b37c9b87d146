"""What differs between the transports: how long they wait, and how the waiting ends."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from servers.deploy.child_process import ChildProcess, started
from tests.support.listener import UPGRADE

pytestmark = pytest.mark.process
HOLD_S = 0.3
DEADLINE_S = 10.0


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ChildProcess]:
    with started(["servers", request.param, "--port", "0", "--hold", str(HOLD_S)]) as running:
        yield running


@asynccontextmanager
async def user(server: ChildProcess, name: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=DEADLINE_S) as http:
        token = (await http.post("/login", json={"name": name})).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http, token


async def joined(http: httpx.AsyncClient) -> dict[str, str]:
    """Join, and return the query of a request for events."""
    snapshot = (await http.post("/rooms/room/join", json={"connection": "window"})).json()
    return {"after": f"{snapshot['epoch']}.{snapshot['head']}", "connection": "window"}


def socket_of(server: ChildProcess) -> connect:
    return connect(f"ws{server.address.removeprefix('http')}/rooms/room/socket", compression=None, proxy=None)


async def join(client: ClientConnection, token: str) -> None:
    await client.send(json.dumps({"type": "join", "connection": "window", "token": token}))
    assert json.loads(await client.recv())["type"] == "snapshot"


async def closing(client: ClientConnection) -> tuple[int, str]:
    """Read until the server closes the socket; return its code and its reason."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(client.recv(), DEADLINE_S)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize("server", ["short_polling"], indirect=True)
async def test_a_short_poll_is_answered_at_once_with_nothing(server: ChildProcess) -> None:
    async with user(server, "Ada") as (http, _):
        answer = (await http.get("/rooms/room/events", params=await joined(http))).json()
        assert answer["events"] == []
        stats = (await http.get("/stats")).json()
    assert (stats["requests"]["receive"], stats["empty_answers"]) == (1, 1)


@pytest.mark.parametrize("server", ["long_polling"], indirect=True)
async def test_a_long_poll_without_an_event_is_answered_when_its_time_is_over(server: ChildProcess) -> None:
    async with user(server, "Ada") as (http, _):
        query, start_s = await joined(http), time.monotonic()
        answer = (await http.get("/rooms/room/events", params=query)).json()
        assert answer["events"] == []
        assert time.monotonic() - start_s >= HOLD_S


@pytest.mark.parametrize("server", ["long_polling"], indirect=True)
async def test_a_long_poll_with_events_waiting_is_answered_with_all_of_it(server: ChildProcess) -> None:
    async with user(server, "Ada") as (http, _):
        query = await joined(http)
        for n in range(3):
            await http.post("/rooms/room/send", json={"client_id": str(n), "text": "hello"})
        answer = (await http.get("/rooms/room/events", params=query)).json()
    assert [event["body"] for event in answer["events"]] == ["hello"] * 3


async def test_a_socket_that_does_not_join_in_time_is_closed() -> None:
    with started(["servers", "raw_websocket", "--port", "0", "--log-in", "0.3"]) as server:
        async with socket_of(server) as client:
            assert await closing(client) == (4401, "unauthenticated")


async def test_who_sends_too_fast_learns_when_to_try_again_over_http_and_in_a_frame() -> None:
    with started(["servers", "raw_websocket", "--port", "0", "--commands-per-s", "0.1"]) as server:
        async with user(server, "Ada") as (http, token), socket_of(server) as client:
            await join(client, token)
            command = {"client_id": "1", "text": "hello"}
            refused = await http.post("/rooms/room/send", json=command)
            assert (refused.status_code, refused.json()["error"]) == (429, "too_many")
            assert 0 < int(refused.headers["Retry-After"]) <= 10
            await client.send(json.dumps({"type": "send", "ref": 7, **command}))
            answer = json.loads(await asyncio.wait_for(client.recv(), DEADLINE_S))
            assert (answer["error"], answer["ref"]) == ("too_many", 7)
            assert 0 < answer["retry_after_s"] <= 10


@pytest.mark.parametrize("server", ["raw_websocket"], indirect=True)
async def test_the_end_of_a_replaced_socket_does_not_end_its_successor(server: ChildProcess) -> None:
    async with user(server, "Ada") as (_, token), socket_of(server) as successor:
        async with socket_of(server) as replaced:
            await join(replaced, token)
            await join(successor, token)
        await successor.send(json.dumps({"type": "send", "ref": 1, "client_id": "1", "text": "still here"}))
        answers = [json.loads(await asyncio.wait_for(successor.recv(), DEADLINE_S)) for _ in range(2)]
    assert {answer["type"] for answer in answers} == {"ack", "page"}


@pytest.mark.parametrize("server", ["raw_websocket"], indirect=True)
async def test_a_socket_that_has_left_the_room_is_closed(server: ChildProcess) -> None:
    async with user(server, "Ada") as (_, token), socket_of(server) as client:
        await join(client, token)
        await client.send(json.dumps({"type": "leave", "ref": 1, "connection": "window"}))
        assert (await closing(client))[0] == 1000


@pytest.mark.parametrize("server", ["raw_websocket"], indirect=True)
async def test_leaving_from_elsewhere_closes_the_socket(server: ChildProcess) -> None:
    async with user(server, "Ada") as (http, token), socket_of(server) as client:
        await join(client, token)
        await http.post("/rooms/room/leave", json={"connection": "window"})
        assert await closing(client) == (4403, "not_joined")


@pytest.mark.parametrize("server", ["server_sent_events"], indirect=True)
async def test_leaving_from_elsewhere_ends_the_stream_with_a_refusal(server: ChildProcess) -> None:
    async with user(server, "Ada") as (http, _):
        query = await joined(http)
        async with http.stream("GET", "/rooms/room/events", params=query) as stream:
            await http.post("/rooms/room/leave", json={"connection": "window"})
            assert "event: refusal" in (await stream.aread()).decode()


async def test_leaving_from_elsewhere_ends_the_held_poll() -> None:
    with started(["servers", "long_polling", "--port", "0", "--hold", str(DEADLINE_S)]) as server:
        async with user(server, "Ada") as (http, _):
            poll = asyncio.create_task(http.get("/rooms/room/events", params=await joined(http)))
            while (await http.get("/stats")).json()["requests"]["receive"] == 0:
                pass
            await http.post("/rooms/room/leave", json={"connection": "window"})
            assert (await poll).json()["error"] == "not_joined"


@pytest.mark.parametrize("server", ["raw_websocket"], indirect=True)
async def test_a_server_that_stops_closes_its_sockets_with_come_back_soon(server: ChildProcess) -> None:
    async with user(server, "Ada") as (_, token), socket_of(server) as client:
        await join(client, token)
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert (await closing(client))[0] == 1012  # Service Restart, in the registry of RFC 6455 section 11.7


@pytest.mark.parametrize("server", ["raw_websocket"], indirect=True)
async def test_a_subscriber_that_does_not_read_stalls_nobody_and_loses_nothing(server: ChildProcess) -> None:
    count, text = 400, "x" * 4000  # far beyond what the kernel buffers for a socket made this small
    async with user(server, "Ada") as (_, ada), user(server, "Eve") as (_, eve), socket_of(server) as brisk:
        await join(brisk, ada)
        reader, writer = await stalled(server, eve)
        for n in range(count):
            await brisk.send(json.dumps({"type": "send", "ref": n + 1, "client_id": str(n), "text": text}))
        received = 0
        while received < count:
            answer = json.loads(await asyncio.wait_for(brisk.recv(), DEADLINE_S))
            received += len(answer.get("events", ()))
        async with asyncio.timeout(DEADLINE_S):
            caught_up = b""
            while caught_up.count(b'"kind":"message"') < count:
                caught_up += await reader.read(1 << 20)
        writer.close()
        await writer.wait_closed()


async def stalled(server: ChildProcess, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Join over a bare socket with the smallest of buffers, and leave it unread until the reader is used."""
    host, _, port = server.address.removeprefix("http://").partition(":")
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bare.setblocking(False)
    await asyncio.get_running_loop().sock_connect(bare, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=bare, limit=4096)
    writer.write(UPGRADE.format("/rooms/room/socket").encode() + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    join = json.dumps({"type": "join", "connection": "window", "token": token}).encode()
    writer.write(b"\x81" + bytes([0xFE]) + len(join).to_bytes(2, "big") + b"\0\0\0\0" + join)
    await reader.readuntil(b'"messages":')
    return reader, writer
