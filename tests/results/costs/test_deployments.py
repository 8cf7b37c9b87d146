"""The bills of the three deployments: they never fall as users grow, and each names the limit that ends free use."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.costs.deployments import DEPLOYMENTS, bill, bills, last_free, measured_in
from results.costs.metering import Activity
from results.costs.plans import Bill, load_prices

PRICES = load_prices()
MEASURED = measured_in(Path(__file__).parents[3] / "results" / "reference")
MOST = 100_000
ACTIVITIES = st.builds(
    Activity,
    users=st.integers(1, MOST),
    room_size=st.integers(1, 500),
    events_per_hour=st.floats(0, 500),
    hours_per_day=st.floats(0.1, 8),
    open_hours=st.floats(8, 24),
    peak=st.floats(1, 5),
)
each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"users": 0}, "at least 1 user"),
        ({"room_size": 0}, "rooms of 1"),
        ({"events_per_hour": -1.0}, "0 events per hour or more"),
        ({"peak": 0.5}, "peak of 1"),
        ({"hours_per_day": 13.0}, "hours_per_day <= open_hours"),
        ({"open_hours": 25.0}, "open_hours <= 24"),
    ],
)
def test_an_impossible_activity_is_refused(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Activity(**({"users": 10} | fields))


def test_unknown_deployments_and_services_are_refused() -> None:
    with pytest.raises(ValueError, match=r"deployment: expected one of .*single-server"):
        bill("cloud", Activity(1), MEASURED, PRICES)
    with pytest.raises(ValueError, match=r"service: expected one of .*railway"):
        bill("single-server", Activity(1), MEASURED, PRICES, host="heroku")


@each_deployment
@given(activity=ACTIVITIES, more=st.integers(0, 1000), commercial=st.booleans())
def test_no_bill_falls_as_users_grow(deployment: str, activity: Activity, more: int, commercial: bool) -> None:
    grown = replace(activity, users=activity.users + more)
    few, many = (bill(deployment, each, MEASURED, PRICES, commercial=commercial).usd for each in (activity, grown))
    assert few <= many * (1 + 1e-9)


@each_deployment
@given(activity=ACTIVITIES)
def test_a_commercial_chat_is_never_cheaper_and_every_cost_names_its_limit(deployment: str, activity: Activity) -> None:
    private, sold = (bill(deployment, activity, MEASURED, PRICES, commercial=each) for each in (False, True))
    assert private.usd <= sold.usd
    for item in private.items:
        assert item.usd == 0 or item.exceeded
        assert item.share <= 1


def test_heartbeats_end_the_free_tier_of_functions_long_before_messages_do() -> None:
    by_users = bills(Activity(1), MEASURED, PRICES)
    rented, _, single = (last_free(each, MOST) for each in by_users.values())
    assert 40 <= rented <= 46  # a million requests a month, at ten seconds between heartbeats
    assert 10 * rented < single
    assert by_users["pusher-and-serverless"](rented + 1).exceeded == ("vercel: invocations",)
    silent = bills(Activity(1, events_per_hour=0), MEASURED, PRICES)
    assert rented <= last_free(silent["pusher-and-serverless"], MOST) <= rented + 4


@pytest.mark.parametrize("open_hours", [2.0, 24.0])
def test_a_server_that_listens_never_lets_its_database_sleep(open_hours: float) -> None:
    month = bill("separate-websocket-server", Activity(1, open_hours=open_hours), MEASURED, PRICES)
    assert month.exceeded == ("neon: database_cu_h",)
    assert month.usd == pytest.approx(24 * 30 * 0.25 * 0.106)


def test_in_rooms_of_two_hundred_the_messages_end_it_first() -> None:
    activity = Activity(1, room_size=200, hours_per_day=0.5, events_per_hour=60)
    rented = bills(activity, MEASURED, PRICES)["pusher-and-serverless"]
    assert rented(last_free(rented, MOST) + 1).exceeded == ("pusher: messages_per_day",)


def test_a_single_server_ends_where_its_core_is_full() -> None:
    month = bill("single-server", Activity(MOST, events_per_hour=200), MEASURED, PRICES)
    assert month.usd == inf
    assert "one-process: cores" in month.exceeded


@pytest.mark.parametrize(("host", "usd"), [("render", 7), ("vps", 5)])
def test_a_server_can_be_priced_at_another_host(host: str, usd: int) -> None:
    assert bill("single-server", Activity(100), MEASURED, PRICES, host=host).usd == usd


def test_on_the_classic_host_of_2024_the_free_tier_ended_ten_times_earlier() -> None:
    def classic(users: int) -> Bill:
        return bill("pusher-and-serverless", Activity(users), MEASURED, PRICES, host="vercel-classic")

    assert last_free(classic, MOST) == 4
    assert classic(5).exceeded == ("vercel-classic: invocations",)
