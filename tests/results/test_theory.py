"""The formulas of results/theory.py against simulations; counts that differ from them beyond chance have a remark."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from websockets.frames import Frame, Opcode

from clients.backoff import PollPace
from notebooks.analysis.quantiles import ks_distance
from results import theory
from results.predictions import Prediction, remarks
from servers.transports import Reads, find

RATE_PER_S = 0.8
INTERVAL_S = 2.0
ROUND_TRIP_S = 0.15


def poisson_arrivals_s(rate_per_s: float, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.cumsum(np.random.default_rng(7).exponential(1 / rate_per_s, count))


def long_polls(arrivals_s: list[float], round_trip_s: float, hold_s: float) -> tuple[int, list[float]]:
    """Play one long-polling client against a log, and return how many requests it made, and how long events waited."""
    sent_s = 0.0
    seen = requests = 0
    waits_s: list[float] = []
    while seen < len(arrivals_s):
        answered_s = min(max(arrivals_s[seen], sent_s), sent_s + hold_s)
        while seen < len(arrivals_s) and arrivals_s[seen] <= answered_s:
            waits_s.append(answered_s - arrivals_s[seen])
            seen += 1
        requests += 1
        sent_s = answered_s + round_trip_s
    return requests, waits_s


def test_the_wait_for_the_next_poll_is_uniform_whatever_the_rate() -> None:
    waits_s = INTERVAL_S - poisson_arrivals_s(RATE_PER_S, 20_000) % INTERVAL_S
    assert ks_distance(waits_s, lambda wait_s: theory.uniform_wait_cdf(wait_s, INTERVAL_S)) < 0.02
    assert waits_s.mean() == pytest.approx(theory.uniform_wait_mean_s(INTERVAL_S), rel=0.02)
    assert np.quantile(waits_s, 0.95) == pytest.approx(theory.uniform_wait_quantile_s(0.95, INTERVAL_S), rel=0.02)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (theory.short_polling_requests_per_s(100, 1.9, 0.1), 50),
        (theory.poll_wait_s(INTERVAL_S, 0.1), 2.2),
        (theory.long_polling_requests_per_s(0.0, 0.0, 25.0), 1 / 25),
        (theory.long_polling_requests_per_s(1e6, 0.1, 25.0), 1 / 0.1),
        (theory.push_latency_s(0.04, publish_s=0.01), 0.09),
        (theory.heartbeat_requests_per_s(30.0), 1 / 10),
        (theory.silence_reads_per_s(0.0, 120.0), 1 / 120),
        (theory.silence_reads_per_s(np.log(2) / 120, 120.0), np.log(2) / 120),
    ],
    ids=[
        "a poller sleeps after each response", "a poll takes a round trip before the next one",
        "an idle long poll is asked once per hold", "a busy long poll is asked once per round trip",
        "transit is paid twice by a push", "two heartbeats may be lost within a lease",
        "endless silence is read once per wait", "as many reads as events if half of the pauses outlast the silence",
    ],
)  # fmt: skip
def test_a_formula_gives_the_expected_value_of_a_simple_case(found: float, expected: float) -> None:
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("rate_per_s", [0.02, 0.2, 2.0])
@pytest.mark.parametrize("limit_s", [0.0, 5.0, 8.0])
def test_requests_and_waits_of_a_poller_with_back_off_match_a_simulated_one(rate_per_s: float, limit_s: float) -> None:
    pauses = theory.back_off_pauses(rate_per_s, INTERVAL_S, limit_s, ROUND_TRIP_S)
    arrivals_s = poisson_arrivals_s(rate_per_s, 20_000)
    pace = PollPace(INTERVAL_S, limit_s)
    now_s = 0.0
    requests = 0
    waits_s: list[float] = []
    while len(waits_s) < len(arrivals_s):
        now_s += pace.next_s() + ROUND_TRIP_S
        seen = int(np.searchsorted(arrivals_s, now_s))
        pace.note(seen > len(waits_s))
        waits_s += list(now_s - arrivals_s[len(waits_s) : seen])
        requests += 1
    assert requests / now_s == pytest.approx(theory.back_off_requests_per_s(pauses, ROUND_TRIP_S), rel=0.02)
    for share in (0.2, 0.5, 0.95):
        predicted_s = theory.back_off_wait_quantile_s(share, pauses, ROUND_TRIP_S / 2)
        assert np.quantile(waits_s, share) == pytest.approx(predicted_s, rel=0.05)
    assert theory.back_off_pauses(0.0, INTERVAL_S, limit_s, 0.1) == [(max(INTERVAL_S, limit_s), 1.0)]


@pytest.mark.parametrize("rate_per_s", [0.02, 0.8, 5.0, 50.0])
@pytest.mark.parametrize("hold_s", [3.0, 25.0])
def test_long_polling_asks_as_often_and_events_wait_for_it_as_long_as_with_a_simulated_client(
    rate_per_s: float, hold_s: float
) -> None:
    arrivals_s = poisson_arrivals_s(rate_per_s, 20_000).tolist()
    requests, waits_s = long_polls(arrivals_s, ROUND_TRIP_S, hold_s)
    simulated_per_s = requests / arrivals_s[-1]
    predicted_per_s = theory.long_polling_requests_per_s(rate_per_s, ROUND_TRIP_S, hold_s)
    assert simulated_per_s == pytest.approx(predicted_per_s, rel=0.02)
    for share in (0.5, 0.95):
        predicted_s = theory.rearm_wait_quantile_s(share, predicted_per_s, ROUND_TRIP_S)
        assert np.quantile(waits_s, share) == pytest.approx(predicted_s, abs=0.02 * ROUND_TRIP_S)


def test_a_radio_is_on_for_the_timer_after_each_packet() -> None:
    upkeep_s = np.arange(0.0, 40_000.0, 25.0)
    events_s = poisson_arrivals_s(0.02, 800)
    packets_s = np.sort(np.concatenate([upkeep_s, events_s[events_s < 40_000.0]]))
    on_s = np.minimum(np.diff(packets_s, append=40_000.0), 10.0).sum()
    assert on_s / 40_000.0 == pytest.approx(theory.radio_on_share(0.02, 25.0, 10.0), rel=0.03)


@pytest.mark.parametrize("payload_bytes", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [False, True])
def test_frame_overhead_is_what_the_websockets_library_writes(payload_bytes: int, masked: bool) -> None:
    frame = Frame(Opcode.TEXT, b"x" * payload_bytes).serialize(mask=masked)
    assert len(frame) - payload_bytes == theory.frame_overhead_bytes(payload_bytes, masked=masked)


@pytest.mark.parametrize("alive_s", [0.5, 2.0, 6.0])
def test_a_notice_is_seen_while_true_as_often_as_by_a_simulated_poller(alive_s: float) -> None:
    waits_s = np.random.default_rng(3).uniform(0.0, INTERVAL_S, 200_000)
    seen_s = waits_s[waits_s < alive_s]
    assert len(seen_s) / len(waits_s) == pytest.approx(theory.seen_while_true(alive_s, INTERVAL_S), abs=0.005)


def test_header_traffic_is_that_of_lubbers_and_greco_in_units_of_two_to_the_twentieth() -> None:
    bits_per_s = theory.header_bits_per_s(871, 1000, 1.0)
    assert bits_per_s / 1e6 == pytest.approx(6.968)
    assert bits_per_s / 2**20 == pytest.approx(6.6, abs=0.05)


IDLE = Prediction(
    transport=find("long_polling"),
    events_per_s=0.05,
    deliveries_per_s=0.05,
    commands=0.1,
    round_trip_s=0.002,
    interval_s=2.0,
    hold_s=25.0,
    lease_s=30.0,
)
TOO_SHORT, TOO_FEW, NONE_EMPTY = "window too short for upkeep", "requests each", "of reads empty"


def counted(load: Prediction, window_s: float, empty: float, more: float = 1.0) -> dict[str, float]:
    """Return counts of 400 users in rooms of ten, with so many times as many requests as theory has."""
    reads, delivered = (400 * window_s * per_s for per_s in (load.reads_per_s, load.deliveries_per_s))
    return counts_of(window_s, delivered, more * load.requests_per_delivery * delivered - reads, reads, empty * reads)


def counts_of(window_s: float, delivered: float, others: float, reads: float, empty: float) -> dict[str, float]:
    requests = {"requests_send": others, "requests_receive": reads, "requests_upkeep": 0.0, "empty_answers": empty}
    return {"users": 400, "room_size": 10, "measured_s": window_s, "delivered": delivered, **requests}


def test_a_window_may_be_too_short_for_idle_users_and_is_long_enough_for_a_busy_room() -> None:
    share = IDLE.empty_share or 0.0
    (found,) = remarks(IDLE, counted(IDLE, 12.0, share), {})
    assert found.startswith(TOO_SHORT)
    assert list(remarks(IDLE, counted(IDLE, 75.0, share), {})) == []
    busy = replace(IDLE, events_per_s=2.0, deliveries_per_s=2.0)
    assert list(remarks(busy, counted(busy, 12.0, busy.empty_share or 0.0), {})) == []


@pytest.mark.parametrize("slug", ["short_polling", "long_polling", "pusher_adapter"])
def test_a_count_that_differs_by_more_than_three_standard_errors_has_a_remark(slug: str) -> None:
    load = replace(IDLE, transport=find(slug))
    found = " ".join(remarks(load, counted(load, 75.0, 0.0, more=2.0), {}))
    assert TOO_FEW in found
    assert (NONE_EMPTY in found) == (load.transport.reads is not Reads.ONCE)
    assert list(remarks(load, counted(load, 75.0, 0.0, more=2.0), {"comings_per_s": 0.1})) == [], "no theory of it"


def simulated_reads(random: Random, window_s: float) -> tuple[int, int]:
    """Return how many held reads of one room, of Poisson events, end with an event and how many without one."""
    with_event = without = 0
    now_s = 0.0
    next_s = random.expovariate(IDLE.events_per_s)
    while True:
        now_s = min(next_s, now_s + IDLE.hold_s)
        if now_s >= window_s:
            return with_event, without
        if now_s < next_s:
            without += 1
        else:
            with_event += 1
            next_s += random.expovariate(IDLE.events_per_s)


def test_differences_by_chance_have_no_remark() -> None:
    """200 windows of 75 s with 40 rooms of ten users."""
    random = Random(1)
    remarked = 0
    for _ in range(200):
        rooms = [simulated_reads(random, 75.0) for _ in range(40)]
        events = sum(with_event for with_event, _ in rooms)
        empty = 10 * sum(without for _, without in rooms)
        load = replace(IDLE, events_per_s=events / 3000, deliveries_per_s=events / 3000)
        remarked += any(remarks(load, counts_of(75.0, 10 * events, events, 10 * events + empty, empty), {}))
    assert remarked <= 2
