"""A lane of the demo: its counts when its server is replaced, its crowd and its relays when two set them at once."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from servers.demo.controller import DemoController
from servers.demo.counts import Counts
from servers.demo.lane import Lane
from servers.demo.window import Window
from servers.transports import TRANSPORTS, find

WIRE = {"received": 1000, "sent": 0}
STATS = {"requests": {}, "empty_answers": 0, "wire": {"http": WIRE, "websocket": WIRE, "connections_busy": 0}}


def test_a_late_response_of_a_replaced_server_counts_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lane = Lane(TRANSPORTS[0], tmp_path, tmp_path, "secret")
    monkeypatch.setattr(lane, "_server", SimpleNamespace(address="", facts={}))

    def replace_and_respond(_: str) -> dict[str, Any]:
        monkeypatch.setattr(lane, "_server", None)
        return STATS

    monkeypatch.setattr("servers.demo.lane.read_stats", replace_and_respond)
    asyncio.run(lane.read())
    assert lane.counts == Counts()


async def test_one_command_at_a_time_sets_the_crowd_of_a_lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starting: Counter[str] = Counter()
    running_together: list[int] = []

    async def set_crowd(lane: Lane, _: int) -> None:
        starting[lane.transport.slug] += 1
        running_together.append(starting[lane.transport.slug])
        await asyncio.sleep(0.01)  # long enough for the other command to begin, if it could
        starting[lane.transport.slug] -= 1

    monkeypatch.setattr(Lane, "start", AsyncMock())
    monkeypatch.setattr(Lane, "set_crowd", set_crowd)
    demo = DemoController(tmp_path, tmp_path)
    await demo.enable_lane("server_sent_events", True)
    await asyncio.gather(demo.enable_lane("server_sent_events", True), demo.set_crowd(2))
    assert set(running_together) == {1}


@pytest.mark.parametrize(("slug", "relays"), [("short_polling", 1), ("pusher_adapter", 2)])
async def test_two_pages_of_one_window_reach_a_lane_by_the_same_relays_even_before_it_serves(
    slug: str, relays: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PUSHER_KEY", raising=False)
    window, lane = Window("Ada"), Lane(find(slug), tmp_path, tmp_path, "secret")
    one, other = await asyncio.gather(window.connect(lane), window.connect(lane))
    await window.close()
    assert one == other
    assert len(set(one)) == relays
