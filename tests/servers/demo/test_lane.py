"""A lane of the demo: its counts when its server is replaced, and its crowd when two commands set it."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from servers.demo.controller import DemoController
from servers.demo.counts import Counts
from servers.demo.lane import Lane
from servers.transports import TRANSPORTS

WIRE = {"received": 1000, "sent": 0}
STATS = {"requests": {}, "empty_answers": 0, "wire": {"http": WIRE, "websocket": WIRE, "connections_busy": 0}}


def test_a_late_response_of_a_replaced_server_counts_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lane = Lane(TRANSPORTS[0], tmp_path, tmp_path, "secret")
    vars(lane)["_server"] = SimpleNamespace(address="", facts={})
    monkeypatch.setattr("servers.demo.lane.read_stats", lambda _: vars(lane).update(_server=None) or STATS)
    asyncio.run(lane.read())
    assert lane.counts == Counts()


def test_one_command_at_a_time_sets_the_crowd_of_a_lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starting: Counter[str] = Counter()
    at_once: list[int] = []

    async def start(_: Lane) -> None:
        pass

    async def start_crowd(lane: Lane, _: int) -> None:
        starting[lane.transport.slug] += 1
        at_once.append(starting[lane.transport.slug])
        await asyncio.sleep(0.01)
        starting[lane.transport.slug] -= 1

    async def set_twice() -> None:
        demo = DemoController(tmp_path, tmp_path, {})
        await demo.enable_lane("server_sent_events", True)
        await asyncio.gather(demo.enable_lane("server_sent_events", True), demo.set_crowd(2))

    monkeypatch.setattr(Lane, "start", start)
    monkeypatch.setattr(Lane, "start_crowd", start_crowd)
    asyncio.run(set_twice())
    assert set(at_once) == {1}
