"""`python -m loadtests hosted`: its plan, its accounts of users and host, and one real measurement."""

import json
from collections import Counter
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from clients.inbox import Inbox
from loadtests.accounts.rows import OPENING, Received, Reconnection, Request, Sent, Session, Window
from loadtests.accounts.samples import Samples
from loadtests.experiments.hosted.accounts import METERED, Bill, Row, row_of, timeline_of
from loadtests.experiments.hosted.command import HOSTS, LIMIT, measure_hosts, steps
from loadtests.plan.workload import HOLD_S, Workload
from loadtests.reports import trials
from loadtests.scenarios import Planned, experiment
from loadtests.users.delivery_recorder import DeliveryRecorder
from results.schema import HOSTED, HOSTED_FILE, TIMELINE
from servers.core.wire import Cursor
from servers.transports import TRANSPORTS, find
from tests.support.loadtest_rows import BOTH, samples, sent

SOCKETS = find("raw_websocket")
QUICK = "fluid-2026, 2 s, 100 at once"
READ, SEND = "GET /rooms/[room]/events", "POST /rooms/[room]/send"
(FLUID,) = (host for host in HOSTS if host.point == LIMIT)
STEPS = steps(experiment("hosted"), HOSTS, TRANSPORTS)
LOAD = Workload(users=2, room_size=2, measured_s=10.0, poll_interval_s=1.0, connections_break=1)


def bill(**counts: Any) -> dict[str, Any]:
    """Return what a host might have metered."""
    zeros: dict[str, Any] = dict.fromkeys(METERED, 0)
    return {**zeros, "profile": {"max_duration_s": 10.0, "concurrency": 4}, "up_s": 5.0, "cold_start_s": [], **counts}


def row(noted: Samples, slug: str = "short_polling", before: Bill | None = None, after: Bill | None = None) -> Row:
    return row_of(Planned(find(slug), "hosted", LOAD), noted, before or bill(), after or bill())


def test_every_transport_is_measured_on_every_host_under_one_load() -> None:
    tried = Counter((step.transport, host) for step, host in STEPS)
    assert tried == Counter({(each, host): 3 if host == FLUID else 1 for each in TRANSPORTS for host in HOSTS})
    assert sorted(STEPS, key=lambda step: step[1].name) != STEPS
    assert {step.workload.connections_break for step, _ in STEPS} == {1}
    assert 90 < sum(step.about_s for step, _ in STEPS) / 60 < 150, "minutes"


def test_windows_cover_three_periods_of_upkeep_on_hosts_of_the_usual_concurrency() -> None:
    windows_s = {host: {step.workload.measured_s for step, of in STEPS if of == host} for host in HOSTS}
    assert min(windows_s[FLUID]) > 300
    assert sum(host.concurrency is None for host in HOSTS) == 4
    for host in HOSTS:
        if host.concurrency:
            assert windows_s[host] == {60}
        else:
            assert min(windows_s[host]) >= 3 * HOLD_S


def test_a_row_has_the_hosts_counts_of_the_window_and_all_its_cold_starts() -> None:
    before = bill(up_s=5.0, invocations=20, cold_starts=2, cut_streams=1, cold_start_s=[0.5, 0.7])
    after = bill(up_s=15.0, invocations=50, cold_starts=3, cut_streams=4, cold_start_s=[0.5, 0.7, 0.9])
    figures = row(samples([sent(1)], BOTH), before=before, after=after)
    assert (figures["measured_s"], figures["invocations"], figures["cut_streams"]) == (10.0, 30, 3)
    named = ("cold_starts", "cold_starts_before", "cold_start_min_s", "cold_start_max_s", "latency_p50_s")
    assert [figures[name] for name in named] == [1, 2, 0.5, 0.9, 0.5]
    assert set(figures) == {column.name for column in HOSTED[3:-1]}
    lossy = row(samples([sent(1)], BOTH[:1]))
    assert [lossy[name] for name in ("expected", "delivered", "lost", "verdict")] == [2, 1, 1, "void"]


def test_a_disconnection_counts_if_it_began_in_the_window() -> None:
    noted = samples([sent(1)], BOTH)
    noted.reconnections = [Reconnection(0, 103.0, 103.5, 1), Reconnection(1, 104.0, 105.5, 3)]
    noted.reconnections += [Reconnection(0, 100.9, 101.4, 1), Reconnection(1, 111.0, 120.0, 1)]  # outside the window
    noted.offline = [(0, 7), (0, 9), (0, 9)]
    figures = row(noted)
    assert [figures[name] for name in ("reconnects", "gap_p50_s", "gap_max_s", "seen_offline")] == [2, 1.0, 1.5, 2]
    noted.reconnections.append(Reconnection(0, 110.9, 113.9, 4))
    figures = row(noted)
    assert (figures["reconnects"], figures["gap_max_s"]) == (3, 113.9 - 110.9)
    assert "not back" not in str(figures["reason"])


def test_a_user_who_was_cut_in_the_window_and_is_not_back_voids_the_row() -> None:
    noted = samples([sent(1)], BOTH)
    noted.disconnected = {1: 111.0}
    assert "not back" not in str(row(noted)["reason"])
    noted.disconnected[0] = 110.9
    figures = row(noted)
    assert (figures["verdict"], figures["reconnects"]) == ("void", 0)
    assert "of 2 users, 1 was not back" in str(figures["reason"])


def test_a_generator_has_caught_up_when_all_are_back_who_were_cut_in_the_window() -> None:
    recorder = DeliveryRecorder()
    recorder.samples.window = Window(101.0, 111.0)
    inbox = Inbox(Cursor("epoch", 3))
    recorder.joined(0, 1, "bob", inbox, 0)
    assert recorder.caught_up
    recorder.disconnected(1, 110.9)
    assert not recorder.caught_up
    recorder.reconnected(Reconnection(1, 110.9, 112.0, 2))
    assert recorder.caught_up
    recorder.disconnected(1, 111.1)
    assert recorder.caught_up
    assert recorder.samples.reconnections_in_window() == [Reconnection(1, 110.9, 112.0, 2)]


def test_the_response_time_leaves_out_held_and_failed_requests() -> None:
    noted = samples([sent(1)], BOTH)
    noted.requests = [
        Request(0, OPENING, 101.0, 109.0, True),
        Request(0, READ, 101.0, 106.0, True),
        Request(1, SEND, 102.0, 102.25, True),
        Request(0, SEND, 103.0, 109.0, False),
    ]
    assert row(noted, slug="long_polling")["response_p50_s"] == 0.25
    assert row(noted)["response_p50_s"] == pytest.approx(2.625)


def test_a_host_on_which_nobody_can_join_has_a_row_with_the_reason() -> None:
    noted = Samples(troubles=["user 0 joining: HTTP 404", "0 of 2 users had joined"], send_retries=3)
    figures = row(noted, "raw_websocket", bill(up_s=1.0), bill(up_s=31.0, upgrades_ignored=60))
    assert (figures["users"], figures["connected"], figures["expected"], figures["upgrades_ignored"]) == (2, 0, 0, 60)
    assert figures["reason"] == "user 0 joining: HTTP 404; 0 of 2 users had joined"
    assert [figures[name] for name in ("messages", "send_retries", "send_failures")] == [0, 3, 0]
    assert all(isnan(float(figures[name])) for name in ("latency_p50_s", "lost", "duplicates", "out_of_order"))


def timeline(noted: Samples, slug: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in timeline_of(find(slug), noted)]


def test_a_connection_lasts_from_its_opening_until_it_breaks_or_the_window_ends() -> None:
    noted = Samples(window=Window(101.0, 120.0), reconnections=[Reconnection(1, 105.0, 106.0, 1)])
    noted.reconnections += [Reconnection(0, 110.0, 112.0, 2), Reconnection(0, 122.0, 123.0, 1)]
    noted.requests = [
        Request(0, "POST /login", 98.0, 99.0, True),
        Request(0, "POST /rooms/[room]/join", 100.0, 100.5, True),
    ]
    noted.requests += [Request(0, OPENING, 100.0, 101.0, True), Request(0, OPENING, 110.5, 111.0, False)]
    noted.requests += [Request(0, OPENING, 111.0, 112.0, True), Request(1, OPENING, 101.0, 102.0, True)]
    first = ("opening", 0.0, 1.0, True), ("connection", 1.0, 10.0, False)
    second = ("opening", 10.5, 11.0, False), ("opening", 11.0, 12.0, True), ("connection", 12.0, 20.0, True)
    assert timeline(noted, "server_sent_events") == [*first, *second]


def test_the_timeline_of_polling_has_requests_and_messages_from_their_intended_moment() -> None:
    assert timeline(Samples(), "short_polling") == []
    noted = Samples(window=Window(101.0, 120.0), sessions=[Session(0, 0, 0, 0)], user_ids={0: "ann"})
    noted.requests = [Request(0, OPENING, 100.0, 101.0, True), Request(0, READ, 103.0, 104.0, True)]
    noted.requests += [Request(0, SEND, 105.0, 105.5, True)]
    noted.requests += [Request(0, "POST /rooms/[room]/leave", 121.0, 121.5, True)]  # after the window
    noted.sent.append(Sent(0, 1, sender=1, kind=0, intended_s=102.0, sent_s=102.0, acked_s=102.1))
    noted.received.append(Received(0, 1, recipient=0, session=0, received_s=104.0))
    in_window = ("message", 2.0, 4.0, True), ("request", 3.0, 4.0, True), ("command", 5.0, 5.5, True)
    assert timeline(noted, "short_polling") == [("opening", 0.0, 1.0, True), *in_window]


@pytest.mark.process
@pytest.mark.xdist_group("measuring")
def test_a_measurement_adds_up_though_the_host_cuts_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "ATTEMPTS_MAX", 1)  # a lag changes nothing that is tested
    assert measure_hosts(tmp_path, quick=True, transports=[SOCKETS]) == 0
    (load,) = experiment("hosted", quick=True).workloads
    made = json.loads((tmp_path / HOSTED_FILE).read_text())
    (figures,) = made["hosted"]
    assert list(figures) == [column.name for column in HOSTED]
    assert (figures["transport"], figures["host"], figures["repeat"]) == (SOCKETS.slug, QUICK, 0)
    assert (figures["max_duration_s"], figures["concurrency"]) == (2.0, 100)
    assert figures["connected"] == figures["users"] == load.users
    assert figures["expected"] == figures["delivered"] == load.users * figures["messages"] > 0
    assert (figures["lost"], figures["duplicates"], figures["out_of_order"], figures["send_failures"]) == (0, 0, 0, 0)
    assert "not back" not in figures["reason"], "the generator did not wait for all returns"
    assert min(figures["cut_sockets"], figures["reconnects"], figures["cold_starts_before"]) > 0
    assert 0 < figures["gap_p50_s"] <= figures["gap_max_s"]
    assert figures["invocation_s"] >= figures["instance_busy_s"] > 0
    assert (made["partial"], made["hosts"][QUICK]["name"]) == (False, "fluid-2026")
    timeline = made["timeline"]
    assert all(list(each) == [column.name for column in TIMELINE] for each in timeline)
    assert {each["succeeded"] for each in timeline if each["phase"] == "connection"} >= {False}
    assert {"opening", "connection", "message"} <= {each["phase"] for each in timeline}
