"""A server that restarts within the window: its counts, and the storm of reconnections."""

import os
from copy import deepcopy
from math import isnan
from typing import Any

import pytest

from loadtests.accounts.rows import Reconnection
from loadtests.harness import measurement, server_probe
from loadtests.harness.restarts import NO_STORM, OUTLASTED, Storm
from loadtests.harness.server_probe import Probe, Server, server_counters


def test_what_is_done_meanwhile_does_not_delay_a_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0

    def spend(time_s: float = 0.1) -> None:
        nonlocal now_s
        now_s += time_s

    monkeypatch.setattr(measurement, "perf_counter", lambda: now_s)
    monkeypatch.setattr(measurement, "sleep", spend)
    measurement.sleep_until(1.0, spend)
    assert now_s == pytest.approx(1.0)


def test_the_counts_of_two_servers_add_up_over_a_restart_except_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server had counted before the measurement is left out."""
    wire = {"http": {"received": 10, "sent": 30}, "websocket": {"received": 100, "sent": 100}, "connections_open": 2}
    others = {"command_frames": 5, "empty_answers": 0, "wire": wire}
    counted: dict[str, Any] = {
        at: {"requests": {"send": 0, "receive": 0, "upkeep": upkeep}, **others}
        for at, upkeep in (("http://old", 8), ("http://new", 3))
    }
    monkeypatch.setattr(server_probe, "read_stats", lambda at, authority: deepcopy(counted[at]))
    probe = Probe(Server("http://old", "", {"api": os.getpid()}, {}), os.getpid(), server_counters)
    before = probe.read()
    counted["http://old"]["command_frames"] += 4
    probe.follow_restart(Server("http://new", "", {"api": os.getpid()}, {}), probe.read())
    counted["http://new"]["command_frames"] += 1
    spent = probe.difference(before, probe.read())
    assert spent["command_frames"] == 4 + (5 + 1), "of the old server since the first reading, and all of the new one"
    assert spent["requests_upkeep"] == 3
    assert spent["connections"] == 1
    assert spent["server_up_bytes"] == 110
    assert isnan(spent["api_rss_bytes"]), "never looked at"
    probe.sample_memory()
    late = probe.difference(before, {**probe.read(), "connections": 0})
    assert late["connections"] == 1, "read after all had left"
    assert late["api_rss_bytes"] > late["push_service_rss_bytes"] == 0


def test_a_storm_of_reconnections_is_timed_from_when_the_server_is_ready() -> None:
    returns = [Reconnection(0, 9.0, 9.9, 1), Reconnection(1, 9.0, 11.0, 2), Reconnection(2, 9.5, 13.0, 3)]
    found = Storm(ready_s=10.0, requests_before=5.0).figures(returns, {"requests_upkeep": 8.0})
    expected = {"returns": 3, "p50_s": 1.0, "p95_s": 2.8, "max_s": 3.0, "requests": 3.0}
    assert found == pytest.approx({f"storm_{name}": figure for name, figure in expected.items()})


def test_a_storm_that_outlasts_the_last_reading_is_doubtful() -> None:
    storm = Storm(ready_s=10.0, requests_before=5.0)
    returns = [Reconnection(0, 9.0, 11.0, 1), Reconnection(1, 9.0, 13.0, 2)]
    assert storm.doubts(returns, read_s=13.0) == []
    assert storm.doubts(returns, read_s=12.9) == [f"1 of 2 connections were back only after the window: {OUTLASTED}"]


def test_without_a_restart_the_columns_of_the_storm_are_zero() -> None:
    assert NO_STORM.doubts([Reconnection(0, 9.0, 11.0, 1)], read_s=10.0) == []
    assert set(NO_STORM.figures([], {"requests_upkeep": 8.0}).values()) == {0}
