"""`SocketWriter` against an ASGI `send` like uvicorn's: it waits while the transport is full, then writes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from servers.socket_writer import ConnectionLost, Message, PushResult, SocketWriter

DEADLINE_S = 5.0


class Wire:
    """What a client received; `room` is cleared while its transport is full, `error` is raised once it has gone."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.error: Exception | None = None
        self.got: list[Any] = []

    async def send(self, message: Message) -> None:
        await self.room.wait()
        if self.error is not None:
            raise self.error
        self.got.append(message["n"])


def message(n: int) -> Message:
    return {"n": n}


def run(scene: Callable[[Wire, SocketWriter], Coroutine[Any, Any, None]]) -> None:
    """Play a scene under the deadline."""

    async def play() -> None:
        wire = Wire()
        await asyncio.wait_for(scene(wire, SocketWriter(wire.send)), DEADLINE_S)

    asyncio.run(play())


async def others_have_run() -> None:
    """Let every task that is ready run up to its next wait."""
    await asyncio.sleep(0)


def test_a_push_is_written_at_once_while_the_transport_has_room() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        assert [line.push(message(n)) for n in range(3)] == [PushResult.WRITTEN] * 3
        assert wire.got == [0, 1, 2]

    run(scene)


def test_a_push_that_would_wait_is_taken_and_written_once_there_is_room() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        assert line.push(message(0)) is PushResult.PENDING
        assert wire.got == []
        wire.room.set()
        await line.drain()
        assert wire.got == [0]
        assert line.push(message(1)) is PushResult.WRITTEN

    run(scene)


def test_a_push_behind_an_unfinished_one_is_refused_and_never_written() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        line.push(message(0))
        assert line.push(message(1)) is PushResult.BUSY
        wire.room.set()
        await line.drain()
        assert wire.got == [0]

    run(scene)


def test_awaited_sends_follow_the_unfinished_push_in_the_order_they_were_made() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        line.push(message(0))
        sends = [asyncio.create_task(line.send(message(n))) for n in (1, 2, 3)]
        await others_have_run()
        assert line.push(message(9)) is PushResult.BUSY
        wire.room.set()
        await asyncio.gather(*sends)
        assert wire.got == [0, 1, 2, 3]

    run(scene)


def test_no_push_overtakes_a_send_that_waits() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        send = asyncio.create_task(line.send(message(0)))
        await others_have_run()
        assert line.push(message(1)) is PushResult.BUSY
        wire.room.set()
        assert line.push(message(2)) is PushResult.BUSY
        await send
        assert wire.got == [0]

    run(scene)


def test_a_cancelled_wait_loses_nothing_and_repeats_nothing() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        line.push(message(0))
        waiting = asyncio.create_task(line.drain())
        await others_have_run()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        wire.room.set()
        await line.drain()
        await line.drain()
        assert wire.got == [0]

    run(scene)


def test_a_client_that_has_gone_makes_pushes_lost_and_sends_raise() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.error = ConnectionResetError("gone")
        assert [line.push(message(n)) for n in range(2)] == [PushResult.LOST] * 2
        assert line.lost is wire.error
        for wait in (line.send(message(2)), line.drain()):
            with pytest.raises(ConnectionLost):
                await wait
        assert wire.got == []

    run(scene)


def test_a_client_that_leaves_with_a_message_unfinished_is_noticed_by_whoever_waits() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.room.clear()
        assert line.push(message(0)) is PushResult.PENDING
        wire.error = ConnectionResetError("gone")
        wire.room.set()
        with pytest.raises(ConnectionLost):
            await line.drain()
        assert line.push(message(1)) is PushResult.LOST

    run(scene)


def test_a_socket_that_the_server_closed_itself_counts_as_lost() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        wire.error = RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.")
        assert line.push(message(0)) is PushResult.LOST

    run(scene)


def test_a_mistake_in_a_message_is_raised_and_the_line_goes_on() -> None:
    async def scene(wire: Wire, line: SocketWriter) -> None:
        with pytest.raises(KeyError):
            line.push({})
        assert line.push(message(0)) is PushResult.WRITTEN

    run(scene)


def test_a_send_that_waits_several_times_is_carried_to_its_end() -> None:
    async def scene(wire: Wire, _: SocketWriter) -> None:
        async def hesitant(item: Message) -> None:
            await asyncio.sleep(0)
            await wire.send(item)
            await asyncio.sleep(0)
            wire.got.append("end")

        line = SocketWriter(hesitant)
        wire.room.clear()
        assert line.push(message(0)) is PushResult.PENDING
        drained = asyncio.create_task(line.drain())
        await others_have_run()
        wire.room.set()
        await drained
        assert wire.got == [0, "end"]

    run(scene)
