"""A lane of the demo keeps its counts when its server is replaced."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

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
