"""The load tests' arithmetic: samples, accounts, verdicts, predictions. Nothing here imports locust."""

from dataclasses import replace
from math import inf, nan

import pytest

from loadtests.accounts.accounting import DuplicateDetector, account
from loadtests.accounts.cell import acknowledged, digest, make_cell, scheduled
from loadtests.accounts.deliveries import Delivery, resolved, true_until_ms
from loadtests.accounts.predictions import predict, predicted_latency_ms
from loadtests.accounts.rows import KINDS, Begun, LogEntry, Received, Reconnection, Request, Sent, Session, Tick, Window
from loadtests.accounts.samples import Samples, merged
from loadtests.accounts.tally import KindCount
from loadtests.accounts.verdict import WORK, Health, Status, cold_users, first_sends, judge, slow_cells
from loadtests.accounts.wire_bytes import WireBytes
from loadtests.plan.schedule import schedule
from loadtests.plan.workload import Workload
from loadtests.scenarios import Key, Planned
from results.schema import CELLS, DELIVERIES
from results.schema import KINDS as KIND_COLUMNS
from servers.core.wire import Kind
from servers.transports import find
from tests.support.loadtest_rows import (
    BOTH,
    BOTH_STAY,
    PAIR,
    PLANNED,
    SPENT,
    cell,
    counted,
    made,
    noted,
    received,
    samples,
    seen,
    sent,
)

BUSY = Workload(rate_per_s=1.0, typing_per_s=0.5, receipts_per_s=0.5, comings_per_s=0.2, measured_s=300.0)


def test_samples_survive_their_encoding() -> None:
    noted = samples([sent(1), sent(2)], BOTH, late_s=0.004)
    noted.troubles.append("user 0: \N{SNOWMAN}")
    noted.client_bytes = counted(up=100, down=700)
    read = Samples.decoded(noted.encoded())
    assert read == noted
    assert [*read.actions(), *read.log(), *read.deliveries()] == [sent(1), sent(2), seen(1), *BOTH]
    assert read.lateness_s() == pytest.approx([0.004] * 100)


@pytest.mark.parametrize(
    ("health", "status", "stalls"),
    [
        (Health(0.005, 0.5), Status.VALID, False),
        (Health(0.0, 0.6), Status.SUSPECT, False),
        (Health(nan, 0.0), Status.VOID, False),
        (Health(0.0051, 0.0), Status.SUSPECT, False),
        (Health(0.020, 0.0), Status.SUSPECT, False),
        (Health(0.0201, 0.0), Status.VOID, False),
        (Health(0.0, 5.1), Status.VOID, False),
        (Health(0.0, 3.0), Status.VALID, True),  # senders waited for a restart
        (Health(0.0, 5.1), Status.VOID, True),
    ],
)
def test_a_generator_that_falls_behind_is_suspect_then_void(health: Health, status: Status, stalls: bool) -> None:
    verdict = judge([""], [], health, mean_gap_s=5.0, stalls=stalls)
    assert (verdict.status, verdict.adds_up, bool(verdict.reason)) == (status, True, status is not Status.VALID)


def test_a_doubt_makes_a_run_suspect_and_is_named_beside_other_reasons() -> None:
    assert judge([""], ["bytes differ"], Health(0.0, 0.0), mean_gap_s=5.0) == (Status.SUSPECT, "bytes differ", True)
    both = judge([""], ["bytes differ"], Health(0.006, 0.0), mean_gap_s=5.0)
    assert both.reason.startswith("bytes differ; the load generator lagged")
    lost = judge(["1 lost"], ["bytes differ"], Health(0.0, 0.0), mean_gap_s=5.0)
    assert lost == (Status.VOID, "1 lost; bytes differ", False)


def test_duplicates_and_disorder_on_one_connection_are_counted() -> None:
    detector = DuplicateDetector()
    assert detector.add([1, 2, 4]) == (0, 0)
    assert detector.add([4, 3, 5]) == (1, 1)


def test_a_duplicate_on_one_connection_voids_the_cell_except_with_a_push_service() -> None:
    noted = samples([sent(1)], BOTH)
    noted.wire_duplicates = 1
    assert made(noted, replace(PLANNED, transport=find("pusher_adapter"))).verdict.adds_up
    verdict = made(noted, replace(PLANNED, transport=find("raw_websocket"))).verdict
    assert not verdict.adds_up
    assert verdict.reason.startswith("1 events came again over one connection")


def test_a_loss_in_the_warm_up_voids_the_run_too() -> None:
    noted = samples([sent(1, at_s=100.5), sent(2)], [received(1, 0), received(2, 0), received(2, 1)])
    result = made(noted)
    assert not result.verdict.adds_up
    assert [result.figures[name] for name in ("expected", "delivered", "lost")] == [2, 2, 1]
    assert {row.seq for row in result.deliveries} == {2}
    assert not made(samples([], [])).verdict.adds_up, "a window without messages"


def test_a_load_that_is_not_the_scheduled_one_voids_the_cell() -> None:
    noted = samples([sent(1)], BOTH)
    verdict = make_cell(PLANNED, noted, SPENT, digest(scheduled(PAIR))).verdict
    assert verdict.status is Status.VOID
    assert "the load was not the scheduled one" in verdict.reason


def test_actions_on_time_or_late_are_the_scheduled_load() -> None:
    begin_s = 9160.485977031773
    noted = Samples(window=Window(begin_s + BUSY.warm_up_s, begin_s + BUSY.warm_up_s + BUSY.measured_s))
    for user in range(BUSY.users):
        for seq, one in enumerate(schedule(BUSY, user), 1):
            due_s = begin_s + one.moment_s
            noted.add(Sent(0, seq, user, KINDS.index(one.kind), due_s, due_s + 2.0, due_s + 2.1))
    assert sorted(acknowledged(BUSY, noted)) == sorted(scheduled(BUSY))
    assert len(scheduled(BUSY)) > 10_000


def test_loads_that_differ_in_user_moment_or_kind_have_different_digests() -> None:
    first = (0, 5, "message")
    last = (1, 7, "receipt")
    assert digest([first, last]) == digest([last, first])
    changed = [(0, 5, "typing"), (1, 5, "message"), (0, 6, "message")]
    assert len({digest([each, last]) for each in (first, *changed)}) == 4


def test_the_price_in_bytes_is_the_clients_count_where_there_is_one() -> None:
    assert cell(BOTH).bytes_per_delivery == (1 + 1 + 1) / 2  # by the servers: up, down and publishing
    noted = samples([sent(1)], BOTH)
    noted.client_bytes = counted(up=100, down=700)
    assert made(noted).bytes_per_delivery == (100 + 700 + 1) / 2


def test_a_cell_has_the_columns_of_the_schema() -> None:
    assert set(cell(BOTH).figures) == {column.name for column in CELLS}
    assert KindCount._fields == tuple(column.name for column in KIND_COLUMNS)
    assert Delivery._fields == tuple(column.name for column in DELIVERIES)


def test_short_polling_is_predicted_from_the_rate_that_was_measured() -> None:
    prediction = predict(cell(BOTH))  # one message in 10 s, polls every 1 s, and 1 ms to the acknowledgement
    assert predicted_latency_ms(cell(BOTH), 95) == pytest.approx(950)
    assert prediction.requests_per_delivery == pytest.approx(1 / 2 + 10 / 1.001)
    assert prediction.empty_share == pytest.approx(0.9048, abs=1e-3)


def test_the_peak_counts_the_requests_that_begin_within_a_tenth_of_a_second_of_the_window() -> None:
    noted = samples([sent(1)], BOTH)
    before_the_window = [noted.window.start_s - 0.01] * 9
    for moment_s in (*before_the_window, 101.01, 101.02, 101.09, 101.11):
        noted.add(Begun(moment_s))
    assert Samples.decoded(noted.encoded()).most_begun(0.1) == 3
    assert made(noted).figures["peak_requests"] == 3


def test_distance_adds_its_transits_to_what_is_predicted() -> None:
    away = replace(PAIR, one_way_delay_s=0.1, push_link_delay_s=0.05)
    expected_ms = {"short_polling": 200 + 0.5 * 1200, "long_polling": 200, "raw_websocket": 200, "pusher_adapter": 250}
    for slug, median_ms in expected_ms.items():
        measured = replace(cell(BOTH), planned=Planned(find(slug), "test", away))
        assert predicted_latency_ms(measured, 50) == pytest.approx(median_ms)


FIRST_SEND = sent(1, at_s=100.0)._replace(acked_s=100.4)


def test_first_sends_are_timed_apart_from_those_of_the_window() -> None:
    noted = samples([FIRST_SEND, sent(2)], [*BOTH, received(2, 0), received(2, 1)])
    assert first_sends(noted) == {
        "first_sends": 1,
        "first_ack_p50_s": pytest.approx(0.4),
        "ack_p50_s": pytest.approx(0.001),
    }
    assert made(noted).figures["messages"] == 1


def test_a_user_is_cold_who_has_not_sent_and_received_before_the_window() -> None:
    complaint = "2 of 2 users had not sent and received before the window"
    assert cold_users(samples([FIRST_SEND], BOTH)) == [complaint], "Bob never sent, and Ann received too late"
    in_time = [delivery._replace(received_s=100.5) for delivery in BOTH]
    assert cold_users(samples([FIRST_SEND, FIRST_SEND._replace(sender=1, seq=2)], in_time)) == []


def test_a_cell_is_slow_whose_work_took_a_fifth_longer_than_in_the_rest_of_its_scenario() -> None:
    unhindered = {"stolen_s": nan, "measured_s": 30.0}
    work = {f"talk{repeat}": dict.fromkeys(WORK, 0.005) | unhindered for repeat in range(4)}
    work["talk3"] |= {"generator_work_before_s": 0.007, "generator_work_after_s": 0.0055}
    cells = {Key("talk", "", slug, 0): figures for slug, figures in work.items()}
    other = {Key("idle", "", slug, 0): dict.fromkeys(WORK, 0.010) | unhindered for slug in work}  # all of them alike
    assert slow_cells(cells | other) == {
        Key("talk", "", "talk3", 0): "the machine was 25% slower than for the other cells of the scenario"
    }
    assert slow_cells({key: cells[key] for key in list(cells)[2:]}) == {}, "two have no usual time"


@pytest.mark.parametrize(("stolen_s", "slow"), [(nan, 0), (0.3, 0), (0.31, 1)])
def test_a_cell_is_slow_if_the_host_took_more_than_a_hundredth_of_its_window(stolen_s: float, slow: int) -> None:
    figures = {**dict.fromkeys(WORK, 0.005), "stolen_s": stolen_s, "measured_s": 30.0}
    reason = "the machine was slowed by its host: 1.0% of the window was stolen time"
    assert list(slow_cells({Key("talk", "", "slug", 0): figures}).values()) == [reason] * slow


WINDOW = Window(101.0, 111.0)
TWO = [(0, 1), (0, 2)]
PRESENCE, TYPING = KINDS.index(Kind.PRESENCE), KINDS.index(Kind.TYPING)


@pytest.mark.parametrize(
    ("came", "complaint"),
    [
        ([*BOTH, received(2, 0), received(2, 1)], ""),
        (BOTH[:1], "of 4 deliveries: 3 lost"),
        ([*BOTH, received(2, 0), *[received(3, 1)] * 2], "of 4 deliveries: 1 lost"),
        ([*BOTH, *BOTH, received(2, 0), received(2, 1)], "of 4 deliveries: 2 delivered twice"),
        ([received(2, 0), received(2, 1), *BOTH], "of 4 deliveries: 2 out of order"),
        ([received(2, 1), *BOTH[1:] * 2], "of 4 deliveries: 2 lost, 1 delivered twice, 1 out of order"),
    ],
)
def test_loss_duplicates_and_disorder_are_each_counted(came: list[Received], complaint: str) -> None:
    result = account(TWO, came, BOTH_STAY)
    assert (result.complaint, result.events, result.expected) == (complaint, 2, 4)


def test_only_events_between_a_users_join_and_leave_are_due_to_them() -> None:
    sessions = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=3)]
    log = [(0, seq) for seq in (1, 2, 3, 4)]
    came = [received(seq, 0) for seq in (1, 2, 3, 4)] + [received(1, 1), received(4, 1)._replace(session=1)]
    assert account(log, came, sessions).complaint == ""
    assert account(log, came, sessions).expected == 6
    came.remove(received(1, 1))
    assert account(log, came, sessions).lost == 1, "also in a stay that has ended"


def test_an_event_of_an_earlier_stay_is_neither_due_nor_a_duplicate_in_a_later_one() -> None:
    sessions = [Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=1)]
    result = account([(0, 1)], [received(1, 1), received(1, 1)._replace(session=1)], sessions)
    assert (result.expected, result.delivered, result.duplicates) == (1, 1, 0)


def presence(seq: int, sender: int, at_ms: int) -> LogEntry:
    return seen(seq, Kind.PRESENCE, sender, at_ms)


@pytest.mark.parametrize(
    ("log", "until_ms"),
    [
        ([seen(1), seen(2), seen(3, Kind.TYPING, expires_at_ms=110_000)], [inf, inf, 110_000]),
        ([seen(1, Kind.TYPING, at_ms=100, expires_at_ms=100)], [inf]),
        ([presence(1, 0, 100), presence(2, 1, 200), seen(3, Kind.RECEIPT), presence(4, 0, 400)], [400, inf, inf, inf]),
        ([seen(2, Kind.TYPING, at_ms=200), seen(1, Kind.TYPING, at_ms=100, expires_at_ms=900)], [200, inf]),
        ([seen(1, Kind.TYPING, at_ms=100, expires_at_ms=150), seen(2, Kind.TYPING, at_ms=200)], [150, inf]),
    ],
    ids=["expiry", "end of notice", "a newer one of its kind and sender", "order of the log", "expiry before a newer"],
)
def test_an_event_is_true_until_it_expires_or_is_replaced(log: list[LogEntry], until_ms: list[float]) -> None:
    assert true_until_ms(log) == {(0, seq): moment_ms for seq, moment_ms in enumerate(until_ms, 1)}


@pytest.mark.parametrize(("stopped_at_ms", "true"), [(105_400, 0), (105_600, 2)])
def test_a_notice_that_was_replaced_before_it_came_is_not_still_true(stopped_at_ms: int, true: int) -> None:
    actions = Sent(0, 1, 0, 0, 104.0, 104.0, 104.1), Sent(0, 2, 0, TYPING, 105.0, 105.0, 105.1)
    log = seen(1), seen(2, Kind.TYPING), seen(3, Kind.TYPING, at_ms=stopped_at_ms)
    found = made(noted(BOTH_STAY, *actions, *log, *(received(seq, user) for seq in (1, 2, 3) for user in (0, 1))))
    typing = next(row for row in found.kinds if row.kind == Kind.TYPING)
    assert (typing.actions, typing.events, typing.expected, typing.delivered, typing.still_true) == (1, 1, 2, 2, true)
    assert found.figures["delivered"] == 2


def test_a_return_is_matched_with_the_presence_event_that_the_others_saw() -> None:
    stays = [Session(0, 0, 0, start=1), Session(0, 1, 0, start=1, end=2), Session(0, 1, 1, start=3)]
    actions = Sent(0, 2, 1, PRESENCE, 102.0, 102.0, 102.1), Sent(0, -3, 1, PRESENCE, 104.0, 104.0, 104.1)
    came = received(2, 0), received(3, 0), received(2, 1)
    rows = made(noted(stays, *actions, presence(2, 1, 2), presence(3, 1, 3), *came)).kinds
    coming = next(row for row in rows if row.kind == Kind.PRESENCE)
    assert (coming.actions, coming.events, coming.expected, coming.delivered) == (2, 2, 3, 3)


def test_events_that_a_user_had_not_read_when_leaving_are_counted_as_missed() -> None:
    stays = [Session(0, 0, 0, start=0), Session(0, 1, 0, start=0, end=1), Session(0, 1, 1, start=4, end=4)]
    messages = [row for seq in (1, 2, 5) for row in (sent(seq), seen(seq))]
    leave_join_leave = [sent(seq)._replace(sender=1, kind=PRESENCE) for seq in (3, -4, 6)]
    log = [presence(seq, 1, 105_000) for seq in (3, 4, 6)]
    came = [received(1, 1), *(received(seq, 0) for seq in range(1, 7))]
    result = made(noted(stays, *messages, *leave_join_leave, *log, *came))
    assert result.verdict.adds_up
    assert [result.figures[name] for name in ("expected", "delivered", "missed_by_leaving")] == [4, 4, 2]
    assert [row.missed_by_leaving for row in result.kinds] == [2, 0], "messages, presence"


def test_joins_and_leaves_get_the_seq_of_the_presence_event_that_the_others_saw() -> None:
    """A leave gets the first event after its user's cursor, a join the last one up to the head of its snapshot."""
    log = [presence(seq, 1, 105_000) for seq in (2, 7, 8, 9, 12, 15)]
    seqs = {"leave": -5, "join": -10, "leave again": -10, "join unseen": -12, "leave unseen": -12, "join still": -12}
    actions = [Sent(0, seq, 1, PRESENCE, 102.0, 102.0, 102.1) for seq in (*seqs.values(), 15)]
    assert [row.seq for row in resolved(noted([], *actions, *log))] == [7, 9, 12, 0, 0, 0, 15]


def part(user: int, user_id: str) -> Samples:
    """Return what a process with one user noted down; Ann, user 0, has sent a message, which everybody has seen."""
    noted = Samples(
        window=WINDOW,
        wall_clock_s=1000.0,
        user_ids={user: user_id},
        sessions=[Session(0, user, 0, 0)],
        client_bytes=counted(up=100, down=700),
    )
    if user == 0:
        noted.add(Sent(0, 1, 0, 0, 105.0, 105.0, 105.1))
    else:
        noted.strangers.append((0, 1, "ann"))
    noted.add(LogEntry(0, 1, 0, 0 if user == 0 else -1, 1_105_000, 0))
    noted.add(Received(0, 1, user, 0, 105.5))
    noted.add(Tick(105.0, 105.0 + 0.001 * user))
    return noted


def test_the_parts_of_several_processes_are_one_whole() -> None:
    whole = merged([part(1, "bob"), part(0, "ann")])
    assert whole.user_ids == {0: "ann", 1: "bob"}
    assert [row.sender for row in whole.log()] == [0], "once, by whoever knew it, or by the sender's id"
    assert [row.recipient for row in whole.deliveries()] == [1, 0]
    assert whole.lateness_s() == pytest.approx([0.001, 0.0])
    assert whole.client_bytes is not None and whole.client_bytes.window == WireBytes(200, 1400)
    assert make_cell(PLANNED, whole, SPENT, "").figures["lost"] == 0


def test_what_the_users_of_several_processes_went_through_is_merged() -> None:
    parts = [part(0, "ann"), part(1, "bob")]
    for user, each in enumerate(parts):
        each.offline.append((0, user))
        each.disconnected[user] = 104.0
        each.requests.append(Request(user, "join", 102.0, 103.0, True))
        each.reconnections.append(Reconnection(user, 102.0, 103.0, 1))
    whole = merged(parts)
    assert (whole.window, whole.wall_clock_s) == (WINDOW, 1000.0)
    assert (whole.offline, whole.disconnected) == ([(0, 0), (0, 1)], {0: 104.0, 1: 104.0})
    assert [request.user for request in whole.requests] == [row.user for row in whole.reconnections] == [0, 1]


def test_bytes_are_unknown_if_one_process_cannot_count_them() -> None:
    silent = part(1, "bob")
    silent.client_bytes = None
    assert merged([part(0, "ann"), silent]).client_bytes is None


def test_a_merge_needs_at_least_one_process() -> None:
    with pytest.raises(ValueError, match="at least one process"):
        merged([])
