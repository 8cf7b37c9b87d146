"""A server restarted in the middle of a load: everybody comes back, and every message still comes exactly once."""

import os
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from loadtests.accounts.rows import Reconnection
from loadtests.harness import server_counters
from loadtests.harness.cores import Cores
from loadtests.harness.measurement import measure
from loadtests.harness.restarts import NO_STORM, OUTLASTED, Storm
from loadtests.harness.server_probe import Probe, Server
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from results.schema import CELLS
from servers.transports import find

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]
LOAD = Workload(users=8, room_size=4, rate_per_s=1.0, poll_interval_s=0.5, measured_s=5.0, restart_at_s=1.0)


def test_after_a_restart_everyone_reconnected_by_one_request_and_every_message_came_exactly_once() -> None:
    """The generator may lag on a busy machine, so only counts are tested."""
    restarted = measure(Planned(find("raw_websocket"), "churn", LOAD), Cores(None, None), lambda _: None)
    figures = restarted.figures
    assert restarted.verdict.adds_up, restarted.verdict.reason
    assert figures["delivered"] == figures["expected"] == 4 * restarted.number("messages") > 0
    assert figures["storm_returns"] == LOAD.users
    assert figures["storm_requests"] == LOAD.users or OUTLASTED in restarted.verdict.reason
    assert 0 <= restarted.number("storm_p50_s") <= restarted.number("storm_max_s")
    counted = [column.name for column in CELLS if column.dtype == "int64"]
    assert {name: type(figures[name]) for name in counted} == dict.fromkeys(counted, int)


def test_what_both_servers_counted_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the connections, which are those of the new one, and for what an idle one counts of itself."""
    counted = {"http://old": counters(upkeep=8, frames=5), "http://new": counters(upkeep=3, frames=2)}
    monkeypatch.setattr(server_counters, "StatsReader", lambda at: SimpleNamespace(read=lambda: deepcopy(counted[at])))
    probe = Probe(Server("http://old", "", {"api": os.getpid()}, {}), os.getpid(), server_counters.ServerCounters)
    before = probe.read()
    counted["http://old"]["command_frames"] += 4
    probe.follow_restart(Server("http://new", "", {"api": os.getpid()}, {}), probe.read())
    counted["http://new"]["command_frames"] += 1
    spent = probe.difference(before, probe.read())
    assert (spent["command_frames"], spent["requests_upkeep"], spent["connections"]) == (4 + 2 + 1, 3, 1)
    assert spent["server_up_bytes"] == 110


def counters(upkeep: int, frames: int) -> dict[str, Any]:
    """Return what a server counts that has one connection, on which 110 bytes came and 130 went."""
    wire = {"http": {"received": 10, "sent": 30}, "websocket": {"received": 100, "sent": 100}, "connections_open": 1}
    requests = {"send": 0, "receive": 0, "upkeep": upkeep}
    return {"requests": requests, "command_frames": frames, "empty_answers": 0, "wire": wire}


def test_a_storm_is_timed_from_when_the_server_was_ready() -> None:
    returns = [Reconnection(0, 9.0, 9.9, 1), Reconnection(1, 9.0, 11.0, 2), Reconnection(2, 9.5, 13.0, 3)]
    found = Storm(ready_s=10.0, requests_before=5.0).figures(returns, {"requests_upkeep": 8.0})
    expected = {"returns": 3, "p50_s": 1.0, "p95_s": 2.8, "max_s": 3.0, "requests": 3.0}
    assert found == pytest.approx({f"storm_{name}": figure for name, figure in expected.items()})


def test_lines_that_are_back_only_after_the_servers_were_read_make_the_storm_doubtful() -> None:
    storm = Storm(ready_s=10.0, requests_before=5.0)
    returns = [Reconnection(0, 9.0, 11.0, 1), Reconnection(1, 9.0, 13.0, 2)]
    assert storm.doubts(returns, read_s=13.0) == []
    assert storm.doubts(returns, read_s=12.9) == [f"1 of 2 connections were back only after the window: {OUTLASTED}"]
    assert NO_STORM.doubts(returns, read_s=10.0) == []
    assert set(NO_STORM.figures([], {"requests_upkeep": 8.0}).values()) == {0}
