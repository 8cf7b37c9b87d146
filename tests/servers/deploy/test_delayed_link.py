"""One direction of a delayed link, on mocked transports: how much may be on its way, and who is not read then."""

import asyncio
from unittest.mock import Mock, call

from servers.deploy.delayed_link import HELD_BYTES, End, Pipe, Timetable

DEADLINE_S = 10.0


async def test_a_sender_is_not_read_from_while_too_much_is_on_its_way() -> None:
    timetable, resumed = Timetable(asyncio.get_running_loop()), asyncio.Event()
    source, sink = End(bytes), End(bytes)
    for one, other in ((source, sink), (sink, source)):
        Pipe(one, other, timetable, lambda: 0.01, open_s=0.0)
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
