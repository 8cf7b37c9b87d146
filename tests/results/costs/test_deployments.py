"""The bills of the three deployments: they never fall as users grow, and each names the limit that ends free use."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.costs.deployments import (
    DEPLOYMENTS,
    bill,
    last_free,
    measured_in,
    pusher_and_serverless,
)
from results.costs.metering import Activity, own_server
from results.costs.plans import Bill, BillItem, load_prices

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
@given(activity=ACTIVITIES, more=st.integers(0, 1000))
def test_no_bill_falls_as_users_grow_or_pay_and_every_cost_names_its_limit(
    deployment: str, activity: Activity, more: int
) -> None:
    crowds = activity, replace(activity, users=activity.users + more)
    private, sold = (
        [bill(deployment, each, MEASURED, PRICES, commercial=paid) for each in crowds] for paid in (False, True)
    )
    for few, many in (private, sold):
        assert few.usd <= many.usd * (1 + 1e-9)
    assert private[0].usd <= sold[0].usd
    for item in private[0].items:
        assert item.usd == 0 or item.exceeded
        assert item.share <= 1


@pytest.mark.parametrize(
    ("activity", "host", "users", "limit"),
    [
        (Activity(1), "vercel", range(40, 47), "vercel: invocations"),  # a million, at ten seconds between heartbeats
        (Activity(1, events_per_hour=0), "vercel", range(40, 51), "vercel: invocations"),
        (Activity(1), "vercel-classic", range(4, 5), "vercel-classic: invocations"),  # ten times earlier
        (Activity(1, 200, hours_per_day=0.5, events_per_hour=60), "vercel", range(1, MOST), "pusher: messages_per_day"),
    ],
    ids=["heartbeats", "silence", "the host of 2024", "rooms of two hundred"],
)
def test_what_ends_the_free_tier_of_functions(activity: Activity, host: str, users: range, limit: str) -> None:
    def rented(users: int) -> Bill:
        return bill("pusher-and-serverless", replace(activity, users=users), MEASURED, PRICES, host=host)

    assert (free := last_free(rented, MOST)) in users
    assert rented(free + 1).exceeded == (limit,)


def test_webhooks_spare_functions_the_heartbeats_and_cost_messages() -> None:
    by_heartbeats, by_webhooks = (
        pusher_and_serverless(MEASURED, Activity(300), PRICES.assumptions, "", webhooks) for webhooks in (False, True)
    )
    assert 10 * by_webhooks["vercel"]["invocations"] < by_heartbeats["vercel"]["invocations"]
    more = by_webhooks["pusher"]["messages_per_day"] - by_heartbeats["pusher"]["messages_per_day"]
    assert more == pytest.approx(300 * 4 * (9 + 9 + 3) + 300 * 7200 / 10 / 100)


def test_a_larger_room_costs_messages_of_the_push_service_and_no_egress_of_ours() -> None:
    small, large = (pusher_and_serverless(MEASURED, Activity(300, size), PRICES.assumptions, "") for size in (10, 100))
    assert large["vercel"]["egress_gb"] == pytest.approx(small["vercel"]["egress_gb"], rel=0.01)
    assert large["pusher"] == {"messages_per_day": 300 * 2 * 20 * (1 + 100), "connections": 300 * 2 / 12 * 2}


def test_a_server_that_scales_out_has_the_memory_of_two_processes() -> None:
    rates, activity = MEASURED["raw_websocket"], Activity(60_000, events_per_hour=200)
    one, two = (own_server(rates, activity, PRICES.assumptions, scales_out=each)["memory_gb"] for each in (False, True))
    assert two - one == pytest.approx(rates.process_bytes / 1e9)


@pytest.mark.parametrize("open_hours", [2.0, 24.0])
def test_a_server_that_listens_never_lets_its_database_sleep(open_hours: float) -> None:
    month = bill("separate-websocket-server", Activity(1, open_hours=open_hours), MEASURED, PRICES)
    assert month.exceeded == ("neon: database_cu_h",)
    assert month.usd == pytest.approx(24 * 30 * 0.25 * 0.106)


def test_a_single_server_ends_where_its_core_is_full() -> None:
    month = bill("single-server", Activity(MOST, events_per_hour=200), MEASURED, PRICES)
    assert month.usd == inf
    assert "one-process: cores" in month.exceeded


@pytest.mark.parametrize(("host", "usd"), [("render", 7), ("vps", 5)])
def test_a_server_can_be_priced_at_another_host(host: str, usd: int) -> None:
    assert bill("single-server", Activity(100), MEASURED, PRICES, host=host).usd == usd


def flat(usd: float) -> Bill:
    return Bill((BillItem("shop", "any", usd),))


@pytest.mark.parametrize("free", [0, 43, MOST])
def test_free_ends_exactly_where_a_price_begins(free: int) -> None:
    assert last_free(lambda users: flat(0 if users <= free else 20), MOST) == free
