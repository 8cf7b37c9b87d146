"""`SocketWriter` against an ASGI `send` like uvicorn's: it waits while the transport is full, then writes."""

import asyncio
from typing import Any

import pytest

from servers.socket_writer import BUSY, LOST, PENDING, WRITTEN, ConnectionLost, Message, SocketWriter


class Wire:
    """What a client received; `room` is cleared while its transport is full, `error` is raised once it has gone."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.error: Exception | None = None
        self.got: list[Any] = []
        self.writer = SocketWriter(self.send)

    async def send(self, message: Message) -> None:
        await self.room.wait()
        if self.error is not None:
            raise self.error
        self.got.append(message["n"])


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_a_push_that_would_wait_is_written_once_there_is_room(wire: Wire) -> None:
    wire.room.clear()
    assert wire.writer.push({"n": 0}) is PENDING
    assert wire.got == []
    wire.room.set()
    await wire.writer.drain()
    assert wire.got == [0]
    assert wire.writer.push({"n": 1}) is WRITTEN
    assert wire.got == [0, 1]


async def test_awaited_sends_follow_the_unfinished_push_in_order(wire: Wire) -> None:
    wire.room.clear()
    wire.writer.push({"n": 0})
    assert wire.writer.push({"n": 8}) is BUSY
    sends = [asyncio.create_task(wire.writer.send({"n": n})) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    assert wire.writer.push({"n": 9}) is BUSY
    wire.room.set()
    assert wire.writer.push({"n": 9}) is BUSY
    await asyncio.gather(*sends)
    assert wire.got == [0, 1, 2, 3]


async def test_a_cancelled_wait_loses_nothing_and_repeats_nothing(wire: Wire) -> None:
    wire.room.clear()
    wire.writer.push({"n": 0})
    waiting = asyncio.create_task(wire.writer.drain())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    wire.room.set()
    await wire.writer.drain()
    await wire.writer.drain()
    assert wire.got == [0]


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RuntimeError("Unexpected ASGI message")])
async def test_a_socket_that_is_gone_loses_all(error: Exception, wire: Wire) -> None:
    wire.error = error
    assert [wire.writer.push({"n": n}) for n in range(2)] == [LOST] * 2
    assert wire.writer.lost is wire.error
    for wait in (wire.writer.send({"n": 2}), wire.writer.drain()):
        with pytest.raises(ConnectionLost):
            await wait
    assert wire.got == []


async def test_a_client_that_leaves_amid_a_message_is_noticed_by_who_waits(wire: Wire) -> None:
    wire.room.clear()
    assert wire.writer.push({"n": 0}) is PENDING
    wire.error = ConnectionResetError("gone")
    wire.room.set()
    with pytest.raises(ConnectionLost):
        await wire.writer.drain()
    assert wire.writer.push({"n": 1}) is LOST


async def test_a_mistake_in_a_message_is_raised_and_the_connection_goes_on(wire: Wire) -> None:
    with pytest.raises(KeyError):
        wire.writer.push({})
    assert wire.writer.push({"n": 0}) is WRITTEN


async def test_a_send_that_waits_several_times_is_carried_to_its_end(wire: Wire) -> None:
    async def hesitant(item: Message) -> None:
        await asyncio.sleep(0)
        await wire.send(item)
        await asyncio.sleep(0)
        wire.got.append("end")

    writer = SocketWriter(hesitant)
    wire.room.clear()
    assert writer.push({"n": 0}) is PENDING
    drained = asyncio.create_task(writer.drain())
    await asyncio.sleep(0)
    wire.room.set()
    await drained
    assert wire.got == [0, "end"]
