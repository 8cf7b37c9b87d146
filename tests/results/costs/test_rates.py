"""What is counted: rates explain the counts of a run and need all loads, and vendors count what they say they do."""

from math import exp
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.costs.metering import Activity, function_seconds, pusher_messages
from results.costs.plans import load_prices
from results.costs.rates import LOADS, Causes, Rate, Rates, fitted, rates
from results.schema import CELLS, CELLS_FILE

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
RATES = st.one_of(st.just(0.0), st.floats(1e-7, 10))
CELLS_OF_REFERENCE = pd.read_csv(REFERENCE / CELLS_FILE)


def write_run(folder: Path, loads: tuple[str, ...], cells: dict[str, str]) -> None:
    """Write one cell of each load by raw WebSocket; `cells` are the fields that are not 1 in all of them."""
    cell = dict.fromkeys((column.name for column in CELLS), "1") | {"transport": "raw_websocket", "verdict": "valid"}
    rows = pd.DataFrame([cell | {"scenario": load} | cells for load in loads])
    rows.to_csv(folder / CELLS_FILE, index=False)


@pytest.mark.parametrize(
    ("loads", "cells", "expected"),
    [
        (LOADS[1:], {}, "no valid cell of raw_websocket in idle"),
        (LOADS, {"verdict": "void"}, "no valid cell of raw_websocket in idle, conversation"),
        (LOADS, {"server_down_bytes": "nan"}, "did not count down_bytes"),
        (LOADS, {}, "expected more users in idle than in conversation, got 1, 1"),
    ],
)
def test_what_has_no_price(tmp_path: Path, loads: tuple[str, ...], cells: dict[str, str], expected: str) -> None:
    write_run(tmp_path, loads, cells)
    with pytest.raises(ValueError, match=expected):
        rates(tmp_path, "raw_websocket")


@given(st.tuples(RATES, RATES, RATES), st.lists(st.builds(Causes, *[st.floats(1, 1e4)] * 3), min_size=4, max_size=6))
def test_rates_explain_the_counts_that_they_made(true: tuple[float, float, float], causes: list[Causes]) -> None:
    found = fitted(causes, [Rate(*true).of(row) for row in causes])
    assert found.error < 1e-5
    assert min(found.event, found.delivery, found.user_s) >= 0


def test_noise_never_makes_a_rate_negative() -> None:
    found = fitted([Causes(10, 100, 1000), Causes(100, 1000, 1000), Causes(10, 900, 500)], [1.0, 10.0, 0.2])
    assert min(found.event, found.delivery, found.user_s) >= 0
    assert found.error > 0.01


def test_the_reference_pays_a_request_per_event_and_three_heartbeats_a_lease() -> None:
    adapter = rates(REFERENCE, "pusher_adapter").requests
    assert (adapter.event, adapter.user_s) == pytest.approx((1.0, 3 / 30), rel=0.02)
    assert rates(REFERENCE, "raw_websocket").requests == Rate(0, 0, 0)
    assert rates(REFERENCE, "short_polling").requests.user_s == pytest.approx(1 / 2, rel=0.01)


@pytest.mark.parametrize("slug", CELLS_OF_REFERENCE["transport"].unique())
def test_rates_miss_no_load_of_the_reference_by_much_and_overestimate_cpu_with_the_most_users(slug: str) -> None:
    found, cells = rates(REFERENCE, slug), CELLS_OF_REFERENCE
    assert found.requests.error < 0.05
    assert found.cpu_s.error < 0.35
    assert found.users_max >= 800
    of_slug = cells[(cells["transport"] == slug) & (cells["verdict"] != "void") & (cells["users"] == found.users_max)]
    for row in of_slug.to_dict("records"):
        predicted = found.cpu_s.of(Causes(row["events"], row["delivered"], row["users"] * row["measured_s"]))
        assert row["api_cpu_s"] < predicted < 4 * row["api_cpu_s"]


def test_pusher_counts_a_publish_and_every_delivery() -> None:
    assert pusher_messages(1, 50) == 51  # the vendor's own examples
    assert pusher_messages(40_000, 500) == 20_040_000
    assert 200_000 // pusher_messages(1, 100) == 1980, "messages a day in a room of a hundred end the sandbox"


@pytest.mark.parametrize(
    ("slug", "is_held"),
    [("long_polling", True), ("raw_websocket", True), ("short_polling", False), ("pusher_adapter", False)],
)
def test_a_connection_is_held_while_its_user_is_online_and_a_poll_is_not(slug: str, is_held: bool) -> None:
    online_s = 60 * 2 * 3600 * 30
    activity = Activity(60, hours_per_day=2, open_hours=12)
    seconds = function_seconds(rates(REFERENCE, slug), activity, load_prices().assumptions)
    assert (seconds.held > online_s) is is_held
    assert seconds.active < seconds.held


def test_an_instance_is_alive_while_a_request_is_in_it() -> None:
    none = Rate(0, 0, 0)
    requests = Rates("short_polling", Rate(0, 0, 1), none, none, none, 0, 0, 1)
    seconds = function_seconds(requests, Activity(6), {"wait_s_per_request": 1.0, "requests_at_once": 10})
    one_in_flight = (1 - exp(-1)) * Activity(6).open_s
    assert seconds.alive == pytest.approx(one_in_flight)
