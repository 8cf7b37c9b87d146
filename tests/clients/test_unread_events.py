"""What a reader has not read yet is bounded in bytes, and in order."""

import asyncio

import pytest

from clients.unread_events import UnreadEvents
from servers.core.wire import Event, Kind


def message(text: str) -> Event:
    return Event("room", 1, Kind.MESSAGE, "ada", "Ada", text, 1_000)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("x" * 4096, 3_000, 4_096), ("x" * 4092 + "\U0001f642", 900, 1_024), ("x", 10_000, 30_000)],
)
async def test_it_takes_few_long_events_or_many_short_ones_and_goes_on_when_they_are_read(
    text: str, least: int, most: int
) -> None:
    unread = UnreadEvents()
    while not unread.full():
        unread.put_nowait(message(text))
    assert least < unread.qsize() < most
    putting = asyncio.create_task(unread.put(message("the next")))
    await asyncio.sleep(0)
    assert not putting.done()
    unread.get_nowait()
    await putting
    unread.end()
    events = [unread.get_nowait() for _ in range(unread.qsize())]
    assert events[-2:] == [message("the next"), None]
