"""The bills of the deployments: what is counted, the cheapest plans that suffice, and what ends free use."""

import re
from dataclasses import replace
from datetime import date
from math import ceil, exp, inf
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.costs.deployments import DEPLOYMENTS, bill, last_free, measured_in, pusher_and_serverless
from results.costs.metering import Activity, functions, own_server
from results.costs.plans import Bill, BillItem, PricePlan, cheapest, load_prices
from results.costs.rates import LOADS, Causes, Rate, fitted, rates
from results.schema import CELLS, CELLS_FILE

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
PRICES = load_prices()
MEASURED = measured_in(REFERENCE)
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


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@given(activity=ACTIVITIES, more=st.integers(0, 1000))
def test_no_bill_falls_with_users_and_every_cost_names_its_limit(
    deployment: str, activity: Activity, more: int
) -> None:
    few, many = (
        bill(deployment, replace(activity, users=activity.users + users), MEASURED, PRICES) for users in (0, more)
    )
    assert few.usd <= many.usd * (1 + 1e-9)
    assert all(item.usd == 0 or item.exceeded for item in few.items)


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

    free = last_free(rented, MOST)
    assert free in users
    assert rented(free + 1).exceeded == (limit,)


def test_webhooks_save_calls_of_functions_and_cost_messages_of_the_service() -> None:
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


def test_a_server_that_scales_out_has_the_memory_of_as_many_processes_as_it_fills() -> None:
    rates = MEASURED["raw_websocket"]
    activity = Activity(60_000, events_per_hour=200)
    one, several = (own_server(rates, activity, PRICES.assumptions, scales_out=each) for each in (False, True))
    processes = ceil(one["cores"])
    assert processes > 1
    assert several["memory_gb"] - one["memory_gb"] == pytest.approx((processes - 1) * rates.process_bytes / 1e9)


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


def plan(name: str, usd: float, **fields: Any) -> PricePlan:
    return PricePlan(name, usd, dated="2026", source="https://example.com", known="assumed", **fields)


SHOP = [
    plan("free", 0, included={"calls": 100}),
    plan("small", 10, included={"calls": 1000}, unit_usd={"gigabytes": 1.0}, credit_usd=5),
    plan("large", 40, included={"calls": 5000}),
]


@pytest.mark.parametrize(
    ("calls", "gigabytes", "item"),
    [
        (100, 0, BillItem("shop", 0)),
        (101, 0, BillItem("shop", 10, "calls")),
        (500, 5, BillItem("shop", 10, "calls")),
        (500, 8, BillItem("shop", 13, "calls")),
        (500, 60, BillItem("shop", 40, "calls")),
        (5001, 0, BillItem("shop", inf, "calls")),
    ],
)
def test_the_cheapest_plan_that_suffices(calls: int, gigabytes: int, item: BillItem) -> None:
    assert cheapest("shop", SHOP, {"calls": calls, "gigabytes": gigabytes}) == item


def test_a_credit_that_is_a_limit_buys_no_more() -> None:
    plans = [plan("free", 0, unit_usd={"hours": 0.5}, credit_usd=1, credit_is_limit=True)]
    assert cheapest("host", plans, {"hours": 2}).usd == 0
    assert cheapest("host", plans, {"hours": 3}).exceeded == "credit_usd"


def test_every_price_has_its_date_and_its_source() -> None:
    for each in (plan for plans in PRICES.plans.values() for plan in plans):
        assert each.source.startswith("https://"), each
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", each.dated), each
        assert each.known in ("first hand", "second hand", "assumed"), each
        assert int(each.dated[:4]) <= date.today().year
    pusher = PRICES.plans["pusher"]
    assert {plan.known for plan in pusher} == {"second hand"}, "the ladder is from a list that is not the vendor's own"


RATES = st.one_of(st.just(0.0), st.floats(1e-7, 10))
CELLS_OF_REFERENCE = pd.read_csv(REFERENCE / CELLS_FILE)


@pytest.mark.parametrize(
    ("loads", "cells", "expected"),
    [
        (LOADS[1:], {}, "no valid cell of raw_websocket in idle"),
        (LOADS, {"verdict": "void"}, "no valid cell of raw_websocket in idle, conversation"),
        (LOADS, {"server_down_bytes": "nan"}, "did not count down_bytes"),
        (LOADS, {}, "expected more users in idle than in conversation, got 1, 1"),
    ],
)
def test_an_unfit_run_is_refused(tmp_path: Path, loads: tuple[str, ...], cells: dict[str, str], expected: str) -> None:
    """The run has one cell of each load, in which every field is 1 unless said."""
    cell = dict.fromkeys((column.name for column in CELLS), "1") | {"transport": "raw_websocket", "verdict": "valid"}
    rows = pd.DataFrame([cell | {"scenario": load} | cells for load in loads])
    rows.to_csv(tmp_path / CELLS_FILE, index=False)
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


def test_the_references_rates_of_requests_are_those_of_theory() -> None:
    adapter = rates(REFERENCE, "pusher_adapter").requests
    assert (adapter.event, adapter.user_s) == pytest.approx((1.0, 3 / 30), rel=0.02)
    assert rates(REFERENCE, "raw_websocket").requests == Rate(0, 0, 0)
    assert rates(REFERENCE, "short_polling").requests.user_s == pytest.approx(1 / 2, rel=0.01)


@pytest.mark.parametrize("slug", CELLS_OF_REFERENCE["transport"].unique())
def test_rates_fit_every_load_of_the_reference_and_cpu_with_the_most_users_is_at_most_a_tenth_more(slug: str) -> None:
    found = rates(REFERENCE, slug)
    assert found.requests.error < 0.05
    assert found.cpu_s.error < 0.35
    assert found.users_max >= 400
    cells = CELLS_OF_REFERENCE[CELLS_OF_REFERENCE["transport"] == slug]
    largest = cells[(cells["verdict"] != "void") & (cells["users"] == found.users_max)]
    for row in largest.to_dict("records"):
        predicted = found.cpu_s.of(Causes(row["events"], row["delivered"], row["users"] * row["measured_s"]))
        assert 0.9 * row["api_cpu_s"] < predicted < 4 * row["api_cpu_s"]


def test_an_instance_is_alive_while_a_request_is_in_it() -> None:
    open_s = Activity(6).open_s  # and as many requests, of a second each: one is in flight on average
    assumed = {"wait_s_per_request": 1.0, "requests_at_once": 10, "function_memory_gb": 1.0, "classic_memory_gb": 1.0}
    usage = functions(open_s, 0.0, 0.0, Activity(6), assumed)
    assert usage["memory_gb_h"] == pytest.approx((1 - exp(-1)) * open_s / 3600)
