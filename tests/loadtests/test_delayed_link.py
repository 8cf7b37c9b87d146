"""The delaying relay: everything arrives, in order, a known time later; ends and resets travel like bytes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from math import inf
from struct import pack
from time import perf_counter

import pytest

from loadtests.harness.delayed_link import HELD_BYTES, End, Pipe, Timetable
from loadtests.harness.relay import Relay

pytestmark = pytest.mark.anyio
DELAY_S = 0.02
DEADLINE_S = 10.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def through_relay(serve: Serve, delay_s: float) -> AsyncIterator[Line]:
    """Connect to a server through a relay; afterwards, wait until the server has seen the end."""
    served = asyncio.Event()

    async def serve_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()
        served.set()

    server = await asyncio.start_server(serve_once, "127.0.0.1", 0)
    relay = Relay(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", delay_s, asyncio.get_running_loop())
    listening = await relay.listen("127.0.0.1", 0)
    async with asyncio.timeout(DEADLINE_S), server, listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        await served.wait()
    relay.close()
    await asyncio.sleep(0)  # transports close their sockets in the loop's next turn


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
async def test_all_bytes_arrive_in_order(delay_s: float) -> None:
    sent = os.urandom(3 * HELD_BYTES)  # more than may be on its way at once
    async with through_relay(echo, delay_s) as (reader, writer):
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent


async def test_a_message_takes_the_delay_each_way_and_connecting_a_round_trip() -> None:
    """And no other delay: the quickest of many takes less than two such round trips, on a busy machine, too."""
    received_s: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            received_s.append(perf_counter())
            writer.write(b"y")

    began_s, quickest_s = perf_counter(), inf
    async with through_relay(answer, DELAY_S) as (reader, writer):
        for message in count():
            sent_s = perf_counter()
            writer.write(b"x")
            await reader.readexactly(1)
            answered_s = perf_counter()
            assert sent_s + DELAY_S <= received_s[message] <= answered_s - DELAY_S
            if not message:
                assert answered_s - began_s >= 4 * DELAY_S
            quickest_s = min(quickest_s, answered_s - sent_s)
            if message > 5 and quickest_s < 4 * DELAY_S:
                return


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
async def test_a_half_closed_connection_still_hears(delay_s: float) -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        writer.write(question.upper())

    async with through_relay(answer_at_the_end, delay_s) as (reader, writer):
        writer.write(b"question")
        writer.write_eof()
        assert await reader.read() == b"QUESTION"


def break_off(writer: asyncio.StreamWriter) -> None:
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
async def test_a_reset_reaches_the_server(delay_s: float) -> None:
    outcome: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1))
        try:
            await reader.read()
            outcome.set_result(None)
        except ConnectionResetError as reset:
            outcome.set_result(reset)

    async with through_relay(listen, delay_s) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        break_off(writer)
        assert isinstance(await outcome, ConnectionResetError)


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
async def test_a_reset_reaches_the_client(delay_s: float) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        break_off(writer)

    async with through_relay(reset, delay_s) as (reader, writer):
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_target_that_refuses_resets_the_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        target = f"127.0.0.1:{nobody.getsockname()[1]}"
    relay = Relay(target, 0.0, asyncio.get_running_loop())
    async with asyncio.timeout(DEADLINE_S), await relay.listen("127.0.0.1", 0) as listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    relay.close()


class NotedTransport(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self, resumed: asyncio.Event) -> None:
        super().__init__()
        self.told: list[str] = []
        self.written = bytearray()
        self._resumed = resumed

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")
        self._resumed.set()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


async def test_a_sender_is_not_read_from_while_too_much_is_on_its_way() -> None:
    timetable, resumed = Timetable(asyncio.get_running_loop()), asyncio.Event()
    source, sink = End(lambda _: None), End(lambda _: None)
    for one, other in ((source, sink), (sink, source)):
        Pipe(one, other, timetable, delay_s=0.01, open_s=0.0)
    hearing, saying = NotedTransport(resumed), NotedTransport(resumed)
    source.connection_made(hearing)
    sink.connection_made(saying)
    source.data_received(b"x" * HELD_BYTES)
    assert hearing.told == []
    source.data_received(b"x")
    assert hearing.told == ["pause"]
    async with asyncio.timeout(DEADLINE_S):
        await resumed.wait()
    assert len(saying.written) >= HELD_BYTES
    sink.pause_writing()
    sink.resume_writing()
    assert hearing.told == ["pause", "resume"] * 2
    timetable.close()


@pytest.mark.process
def test_the_command_says_where_it_listens_and_at_the_end_what_it_carried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "loadtests.harness.relay", "--to", target, "--delay-ms", "1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
            assert relay.stdout is not None
            host, _, port = json.loads(relay.stdout.readline())["address"].removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port)), DEADLINE_S) as client:
                client.sendall(b"up")
                far, _ = server.accept()
                with far:
                    far.settimeout(DEADLINE_S)
                    assert far.recv(2, socket.MSG_WAITALL) == b"up"
                    far.sendall(b"down")
                    assert client.recv(4, socket.MSG_WAITALL) == b"down"
            last_words, _ = relay.communicate(timeout=DEADLINE_S)
    assert json.loads(last_words) == {"up_bytes": 2, "down_bytes": 4}
    assert relay.returncode == 0
