"""What vendors count: Pusher's messages, and how long functions wait, compute and stay alive."""

from math import exp
from pathlib import Path

import pytest

from results.costs.activity import Activity
from results.costs.metering import function_seconds, pusher_messages
from results.costs.plans import load_prices
from results.costs.rates import Rate, Rates, rates

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def test_pusher_counts_a_publish_and_every_delivery() -> None:
    assert pusher_messages(1, 50) == 51  # the vendor's own examples
    assert pusher_messages(40_000, 500) == 20_040_000
    assert pusher_messages(0, 50, client_events=1) == 50  # one call, and 49 others receive it
    assert pusher_messages(0, 50, presence_changes=1) == 49
    assert pusher_messages(0, 50, api_calls=3) == 3


def test_a_room_of_a_hundred_leaves_the_sandbox_after_1980_messages_a_day() -> None:
    assert 200_000 // pusher_messages(1, 100) == 1980


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
