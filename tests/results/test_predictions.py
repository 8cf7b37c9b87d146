"""Remarks on counts: a window without upkeep and a difference beyond chance have one, and chance has none."""

from dataclasses import replace
from random import Random

import pytest

from results.predictions import Prediction, remarks
from servers.transports import Reads, find

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


def test_idle_users_need_a_window_with_idling_and_a_busy_room_has_no_upkeep_to_miss() -> None:
    share = IDLE.empty_share or 0.0
    (found,) = remarks(IDLE, counted(IDLE, 12.0, share), {})
    assert found.startswith(TOO_SHORT)
    assert list(remarks(IDLE, counted(IDLE, 75.0, share), {})) == []
    busy = replace(IDLE, events_per_s=2.0, deliveries_per_s=2.0)
    assert list(remarks(busy, counted(busy, 12.0, busy.empty_share or 0.0), {})) == []


@pytest.mark.parametrize("slug", ["short_polling", "long_polling", "pusher_adapter"])
def test_what_differs_by_more_than_three_errors_has_a_remark(slug: str) -> None:
    load = replace(IDLE, transport=find(slug))
    found = " ".join(remarks(load, counted(load, 75.0, 0.0, more=2.0), {}))
    assert TOO_FEW in found
    assert (NONE_EMPTY in found) == (load.transport.reads is not Reads.ONCE)
    assert list(remarks(load, counted(load, 75.0, 0.0, more=2.0), {"comings_per_s": 0.1})) == [], "no theory of it"


def test_chance_has_no_remark() -> None:
    """Rooms of ten that are held for 25 s, or until the next of their Poisson events: 200 windows of 75 s."""
    random, remarked = Random(1), 0
    for _ in range(200):
        reads = empty = 0
        for _room in range(40):
            now_s, next_s = 0.0, random.expovariate(IDLE.events_per_s)
            while (now_s := min(next_s, now_s + IDLE.hold_s)) < 75.0:
                reads, empty = reads + 10, empty + 10 * (now_s < next_s)
                next_s += 0.0 if now_s < next_s else random.expovariate(IDLE.events_per_s)
        events = (reads - empty) // 10
        load = replace(IDLE, events_per_s=events / 3000, deliveries_per_s=events / 3000)
        remarked += any(remarks(load, counts_of(75.0, 10 * events, events, reads, empty), {}))
    assert remarked <= 2
