"""The bill: plans and their limits, rates from a run, what vendors count, where free tiers end and curves cross."""

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from math import exp, inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import costs
from results.activity import Activity
from results.costs import Crossing, cheapest, crossings, last_free
from results.metering import function_seconds, pusher_messages
from results.plans import NONE_SUFFICES, Bill, BillItem, PricePlan, Service, load_prices
from results.rates import LOADS, Causes, Rate, Rates, fitted, rates
from results.schema import CELLS, CELLS_FILE
from servers.transports import TRANSPORTS

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
PRICES = load_prices()
MEASURED = costs.measured_in(REFERENCE)
MOST = 100_000


def plan(name: str, usd: float, **fields: Any) -> PricePlan:
    return PricePlan(name, usd, dated="2026", source="https://example.com", sure="A", **fields)


SHOP = Service(
    "shop",
    [
        plan("free", 0, included={"calls": 100}, commercial=False),
        plan("small", 10, included={"calls": 1000}, then_usd={"gigabytes": 1.0}, credit_usd=5),
        plan("large", 40, included={"calls": 5000}),
    ],
)


def flat(usd: float) -> Bill:
    return Bill((BillItem("shop", "any", usd),))


def test_a_limit_that_is_just_reached_is_not_exceeded() -> None:
    assert SHOP.line({"calls": 100, "gigabytes": 0}) == BillItem("shop", "free", 0, "calls", 1.0)
    line = SHOP.line({"calls": 101, "gigabytes": 0})
    assert (line.plan, line.usd, line.outgrown) == ("small", 10, "calls")


def test_usage_beyond_the_credit_is_paid_and_may_make_the_larger_plan_cheaper() -> None:
    assert SHOP.line({"calls": 500, "gigabytes": 5}).usd == 10
    assert SHOP.line({"calls": 500, "gigabytes": 8}).usd == 13
    assert SHOP.line({"calls": 500, "gigabytes": 60}).plan == "large"


def test_what_no_plan_holds_costs_infinitely_much_and_the_limit_is_named() -> None:
    assert SHOP.line({"calls": 5001, "gigabytes": 0}) == BillItem("shop", NONE_SUFFICES, inf, outgrown="calls")


def test_a_commercial_chat_is_refused_the_private_plan() -> None:
    line = SHOP.line({"calls": 1, "gigabytes": 0}, commercial=True)
    assert (line.plan, line.outgrown) == ("small", "commercial use")


def test_a_credit_that_is_a_limit_buys_no_more() -> None:
    service = Service("host", [plan("free", 0, then_usd={"hours": 0.5}, credit_usd=1, credit_is_limit=True)])
    assert service.line({"hours": 2}).usd == 0
    assert service.line({"hours": 3}).outgrown == "credit_usd"


@pytest.mark.parametrize("usage", [{}, {"calls": -1, "gigabytes": 0}, {"calls": inf, "gigabytes": 0}])
def test_usage_that_is_missing_or_no_amount_is_refused(usage: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match=r"shop: expected .*calls"):
        SHOP.line(usage)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"users": 0}, "at least 1 user"),
        ({"room_size": 0}, "rooms of 1"),
        ({"events_per_hour": -1.0}, "0 events or more"),
        ({"peak": 0.5}, "peak of 1"),
        ({"hours_per_day": 13.0}, "hours_per_day <= open_hours"),
        ({"open_hours": 25.0}, "open_hours <= 24"),
    ],
)
def test_an_activity_that_cannot_be_is_refused(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Activity(**({"users": 10} | fields))


def test_options_and_services_that_are_unknown_are_refused() -> None:
    with pytest.raises(ValueError, match=r"option: expected one of .*single-server"):
        costs.bill("cloud", Activity(1), MEASURED, PRICES)
    with pytest.raises(ValueError, match=r"service: expected one of .*railway"):
        costs.bill("single-server", Activity(1), MEASURED, PRICES, host="heroku")


@pytest.mark.parametrize(
    ("loads", "cells", "expected"),
    [
        (LOADS[1:], {}, "no valid cell of raw_websocket in idle"),
        (LOADS, {"verdict": "void"}, "no valid cell of raw_websocket in idle, conversation"),
        (LOADS, {"server_down_bytes": "nan"}, "did not count down_bytes"),
        (LOADS, {}, "expected more users in idle than in conversation, got 1, 1"),
    ],
)
def test_a_run_that_cannot_be_priced_is_refused(
    tmp_path: Path, loads: tuple[str, ...], cells: dict[str, str], expected: str
) -> None:
    write_run(tmp_path, loads, cells)
    with pytest.raises(ValueError, match=expected):
        rates(tmp_path, "raw_websocket")


def test_pusher_counts_a_publish_and_every_delivery() -> None:
    assert pusher_messages(1, 50) == 51  # the vendor's own examples
    assert pusher_messages(40_000, 500) == 20_040_000
    assert pusher_messages(0, 50, client_events=1) == 50  # one call, 49 others are told
    assert pusher_messages(0, 50, comings=1) == 49
    assert pusher_messages(0, 50, other_calls=3) == 3


def test_a_room_of_a_hundred_leaves_the_sandbox_after_1980_messages_a_day() -> None:
    assert 200_000 // pusher_messages(1, 100) == 1980


RATES = st.one_of(st.just(0.0), st.floats(1e-7, 10))


@given(
    st.tuples(RATES, RATES, RATES),
    st.lists(st.tuples(*[st.floats(1, 1e4)] * 3), min_size=4, max_size=6),
)
def test_rates_explain_what_they_made(true: tuple[float, float, float], causes: list[Causes]) -> None:
    counts = [Rate(*true).of(row) for row in causes]
    found = fitted(causes, counts)
    assert found.off < 1e-5
    assert min(found.event, found.delivery, found.user_s) >= 0


def test_noise_never_makes_a_rate_negative() -> None:
    found = fitted([(10, 100, 1000), (100, 1000, 1000), (10, 900, 500)], [1.0, 10.0, 0.2])
    assert min(found.event, found.delivery, found.user_s) >= 0
    assert found.off > 0.01


def test_the_reference_pays_a_request_per_event_and_three_heartbeats_a_lease() -> None:
    adapter = rates(REFERENCE, "pusher_adapter").requests
    assert (adapter.event, adapter.user_s) == pytest.approx((1.0, 3 / 30), rel=0.02)
    assert rates(REFERENCE, "raw_websocket").requests == Rate(0, 0, 0)
    assert rates(REFERENCE, "short_polling").requests.user_s == pytest.approx(1 / 2, rel=0.01)


@pytest.mark.parametrize("slug", [row.slug for row in TRANSPORTS])
def test_rates_miss_no_load_of_the_reference_by_much(slug: str) -> None:
    found = rates(REFERENCE, slug)
    assert found.requests.off < 0.05
    assert found.cpu_s.off < 0.35


@pytest.mark.parametrize("slug", [row.slug for row in TRANSPORTS])
def test_in_the_largest_crowd_the_rates_err_on_the_dear_side(slug: str) -> None:
    with (REFERENCE / CELLS_FILE).open(newline="") as file:
        cells = [row for row in csv.DictReader(file) if row["transport"] == slug and row["verdict"] != "void"]
    found = rates(REFERENCE, slug)
    crowd = [row for row in cells if int(row["users"]) == found.crowd]
    assert found.crowd >= 800
    for row in crowd:
        causes = (float(row["events"]), float(row["delivered"]), float(row["users"]) * float(row["measured_s"]))
        assert float(row["api_cpu_s"]) < found.cpu_s.of(causes) < 4 * float(row["api_cpu_s"])


def test_a_held_line_is_held_as_long_as_its_user_is_there_and_a_poll_is_not() -> None:
    activity = Activity(60, hours_per_day=2, open_hours=12)
    there_s = 60 * 2 * 3600 * 30
    for slug, waits in {
        "long_polling": True,
        "raw_websocket": True,
        "short_polling": False,
        "pusher_adapter": False,
    }.items():
        seconds = function_seconds(rates(REFERENCE, slug), activity, PRICES.assumptions)
        assert (seconds.held > there_s) is waits
        assert seconds.active < seconds.held


def test_an_instance_is_alive_while_a_request_is_in_it() -> None:
    requests = Rates("short_polling", Rate(0, 0, 1), Rate(0, 0, 0), Rate(0, 0, 0), Rate(0, 0, 0), 0, 0, 1)
    seconds = function_seconds(requests, Activity(6), {"wait_s_per_request": 1.0, "requests_at_once": 10})
    assert seconds.alive == pytest.approx(
        (1 - exp(-1)) * Activity(6).open_s
    )  # one user at a time, one request a second


def test_free_ends_exactly_where_a_price_begins() -> None:
    assert last_free(lambda users: flat(0 if users <= 43 else 20), MOST) == 43
    assert last_free(lambda users: flat(1), MOST) is None
    assert last_free(lambda users: flat(0), MOST) == MOST


@given(st.integers(2, MOST))
def test_a_crossing_is_found_to_the_user(at: int) -> None:
    found = crossings({"a": lambda n: flat(5 if n < at else 50), "b": lambda _: flat(10)}, MOST)
    assert found == (Crossing(at, ("a",), ("b",)),)


def test_equals_lead_together_until_one_of_them_costs_more() -> None:
    equals = {"a": lambda n: flat(5 if n < 44 else 50), "b": lambda _: flat(5), "c": lambda _: flat(inf)}
    assert cheapest(equals, 43) == ("a", "b")
    assert crossings(equals, MOST) == (Crossing(44, ("a", "b"), ("b",)),)


def test_nobody_is_cheapest_where_no_plan_suffices() -> None:
    assert cheapest({"a": lambda _: flat(inf)}, 1) == ()


ACTIVITIES = st.builds(
    Activity,
    users=st.integers(1, MOST),
    room_size=st.integers(1, 500),
    events_per_hour=st.floats(0, 500),
    hours_per_day=st.floats(0.1, 8),
    open_hours=st.floats(8, 24),
    peak=st.floats(1, 5),
)


@pytest.mark.parametrize("option", costs.OPTIONS)
@given(activity=ACTIVITIES, more=st.integers(0, 1000), commercial=st.booleans())
def test_no_bill_falls_as_users_grow(option: str, activity: Activity, more: int, commercial: bool) -> None:
    grown = replace(activity, users=activity.users + more)
    few, many = (costs.bill(option, each, MEASURED, PRICES, commercial=commercial).usd for each in (activity, grown))
    assert few <= many * (1 + 1e-9)


@pytest.mark.parametrize("option", costs.OPTIONS)
@given(activity=ACTIVITIES)
def test_a_commercial_chat_is_never_cheaper(option: str, activity: Activity) -> None:
    private, sold = (costs.bill(option, activity, MEASURED, PRICES, commercial=each).usd for each in (False, True))
    assert private <= sold


@given(activity=ACTIVITIES)
def test_every_cost_says_which_limit_brought_it(activity: Activity) -> None:
    for option in costs.OPTIONS:
        for line in costs.bill(option, activity, MEASURED, PRICES).lines:
            assert line.usd == 0 or line.outgrown
            assert line.share <= 1


def test_heartbeats_end_the_free_tier_of_the_serverless_option_long_before_messages_do() -> None:
    options = costs.bills(Activity(1), MEASURED, PRICES)
    ends = {name: last_free(bill, MOST) for name, bill in options.items()}
    rented, _, single = ends.values()
    assert rented is not None and single is not None
    assert 40 <= rented <= 46  # a million requests a month, at ten seconds between heartbeats
    assert 10 * rented < single
    assert options["pusher-and-serverless"](rented + 1).outgrown == ("vercel: invocations",)
    silent = costs.bills(Activity(1, events_per_hour=0), MEASURED, PRICES)
    assert rented <= (last_free(silent["pusher-and-serverless"], MOST) or 0) <= rented + 4


@pytest.mark.parametrize("open_hours", [2.0, 24.0])
def test_a_server_that_listens_never_lets_its_database_sleep(open_hours: float) -> None:
    bill = costs.bill("separate-websocket-server", Activity(1, open_hours=open_hours), MEASURED, PRICES)
    assert bill.outgrown == ("neon: database_cu_h",)
    assert bill.usd == pytest.approx(24 * 30 * 0.25 * 0.106)


def test_in_rooms_of_two_hundred_the_messages_end_it_first() -> None:
    bill = costs.bills(Activity(1, room_size=200, hours_per_day=0.5, events_per_hour=60), MEASURED, PRICES)
    end = last_free(bill["pusher-and-serverless"], MOST)
    assert end is not None
    assert bill["pusher-and-serverless"](end + 1).outgrown == ("pusher: messages_per_day",)


def test_a_single_server_ends_where_its_core_is_full() -> None:
    bill = costs.bill("single-server", Activity(MOST, events_per_hour=200), MEASURED, PRICES)
    assert bill.usd == inf
    assert "one-process: cores" in bill.outgrown


def test_a_server_can_be_priced_at_another_host() -> None:
    at = {
        host: costs.bill("single-server", Activity(100), MEASURED, PRICES, host=host).usd for host in ("render", "vps")
    }
    assert at == {"render": 7, "vps": 5}


def test_on_the_classic_host_of_2024_the_free_tier_ended_ten_times_earlier() -> None:
    def classic(users: int) -> Bill:
        return costs.bill("pusher-and-serverless", Activity(users), MEASURED, PRICES, host="vercel-classic")

    assert last_free(classic, MOST) == 4
    assert classic(5).outgrown == ("vercel-classic: invocations",)


def test_every_price_has_its_date_and_its_source() -> None:
    plans = [plan for service in PRICES.services.values() for plan in service.plans]
    for each in plans:
        assert each.source.startswith("https://"), each
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", each.dated), each
        assert each.sure in ("C", "S", "A"), each
        assert int(each.dated[:4]) <= date.today().year
    for change in PRICES.changed:
        assert set(change) == {"about", "then", "now", "dated", "source"}


def test_a_price_list_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[service.shop]\nplans = [{ name = "free", euros = 0 }]\n')
    with pytest.raises(ValueError, match=r"prices\.toml, service shop: .*euros"):
        load_prices(path)


def write_run(folder: Path, loads: tuple[str, ...], cells: Mapping[str, str]) -> None:
    """Write one cell of each load by raw WebSocket; `cells` are the fields that are not 1 in all of them."""
    names = [column.name for column in CELLS]
    with (folder / CELLS_FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for load in loads:
            cell = dict.fromkeys(names, "1") | {"scenario": load, "transport": "raw_websocket", "verdict": "valid"}
            writer.writerow(cell | dict(cells))
