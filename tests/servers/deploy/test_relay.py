"""The relay: bytes, ends and resets arrive in order after the same delay."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from math import inf
from time import perf_counter
from unittest.mock import Mock, call

import pytest

from servers.deploy.child_process import LOOPBACK
from servers.deploy.delayed_link import HELD_BYTES, RESET_ON_CLOSE, End, Pipe, Timetable
from servers.deploy.relay import Relay
from tests.support.deadline import DEADLINE_S

DELAY_S = 0.02
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def relayed(serve: Serve, delay_s: float = 0.0) -> AsyncIterator[Relay]:
    """Put a relay before a server; afterwards, wait until the server has seen the end of every connection."""
    serving: list[asyncio.Task[None]] = []

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve_and_close(reader, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    address = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(DEADLINE_S), server, Relay(lambda: address, delay_s=delay_s) as relay:
        yield relay
        await asyncio.gather(*serving)


@asynccontextmanager
async def connected(relay: Relay) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, relay.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
async def test_all_bytes_arrive_in_order(delay_s: float) -> None:
    sent = os.urandom(3 * HELD_BYTES)  # more than may be on its way at once
    async with relayed(echo, delay_s) as relay, connected(relay) as (reader, writer):
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent


async def test_pieces_keep_their_order_when_the_delay_changes() -> None:
    sent = [b"%04d" % number for number in range(50)]
    async with relayed(echo) as relay, connected(relay) as (reader, writer):
        for number, piece in enumerate(sent):
            relay.delay_s = number % 3 * DELAY_S / 2
            writer.write(piece)
            await asyncio.sleep(0)
        assert await reader.readexactly(4 * len(sent)) == b"".join(sent)


async def test_a_message_takes_the_delay_each_way_and_connecting_a_round_trip() -> None:
    """Nothing adds to the delay: of many messages the fastest takes less than two round trips."""
    received_s: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1):
            received_s.append(perf_counter())
            writer.write(b"y")

    began_s = perf_counter()
    quickest_s = inf
    async with relayed(answer, DELAY_S) as relay, connected(relay) as (reader, writer):
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
async def test_a_half_closed_connection_still_receives(delay_s: float) -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()
        writer.write(request.upper())

    async with relayed(answer_at_the_end, delay_s) as relay, connected(relay) as (reader, writer):
        writer.write(b"request")
        writer.write_eof()
        assert await reader.read() == b"REQUEST"


async def was_reset(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a connection on which nothing more comes; return whether it was a reset."""
    try:
        assert await reader.read() == b""
    except ConnectionError as error:
        return isinstance(error, ConnectionResetError)
    return False


@pytest.mark.parametrize("delay_s", [0.0, DELAY_S])
@pytest.mark.parametrize("is_by_client", [False, True])
async def test_a_reset_reaches_the_other_end(delay_s: float, is_by_client: bool) -> None:
    outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, breaks_off: bool) -> None:
        writer.write(b"x")
        await reader.readexactly(1)
        if breaks_off:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()
        else:
            outcome.set_result(await was_reset(reader))

    serve = partial(end, breaks_off=not is_by_client)
    async with relayed(serve, delay_s) as relay, connected(relay) as (reader, writer):
        await end(reader, writer, is_by_client)
        assert await outcome


@pytest.mark.parametrize("target", ["http://127.0.0.1:1", ""])
async def test_a_target_that_refuses_or_has_no_address_resets_the_client(target: str) -> None:
    async with asyncio.timeout(DEADLINE_S), Relay(lambda: target) as relay, connected(relay) as (reader, _):
        assert await was_reset(reader)


async def test_an_end_that_falls_due_as_its_receiver_is_reset_holds_up_nobody() -> None:
    timetable = Timetable(asyncio.get_running_loop())
    source, sink = linked(timetable)
    later = asyncio.Event()
    writing = Mock(spec=asyncio.Transport, is_closing=lambda: False)
    writing.write_eof.side_effect = OSError(errno.ENOTCONN, "as asyncio's own loop reports it")
    sink.connection_made(writing)
    source.eof_received()
    timetable.call_at(perf_counter() + DELAY_S, later.set)
    async with asyncio.timeout(DEADLINE_S):
        await later.wait()
    writing.write_eof.assert_called_once()
    timetable.close()


def linked(timetable: Timetable) -> tuple[End, End]:
    """Return both ends of a delayed link."""
    source, sink = End(bytes), End(bytes)
    for one, other in ((source, sink), (sink, source)):
        Pipe(one, other, timetable, lambda: DELAY_S / 2, open_s=0.0)
    return source, sink


async def test_a_relay_stops_reading_while_too_many_bytes_are_on_their_way() -> None:
    timetable = Timetable(asyncio.get_running_loop())
    resumed = asyncio.Event()
    source, sink = linked(timetable)
    reading, writing = (Mock(spec=asyncio.Transport, is_closing=lambda: False) for _ in range(2))
    reading.resume_reading.side_effect = resumed.set
    source.connection_made(reading)
    sink.connection_made(writing)
    source.data_received(b"x" * HELD_BYTES)
    assert reading.method_calls == []
    source.data_received(b"x")
    assert reading.method_calls == [call.pause_reading()]
    async with asyncio.timeout(DEADLINE_S):
        await resumed.wait()
    assert sum(len(each.args[0]) for each in writing.write.call_args_list) >= HELD_BYTES
    sink.pause_writing()
    sink.resume_writing()
    assert reading.method_calls == [call.pause_reading(), call.resume_reading()] * 2
    timetable.close()
