"""The deployments compared: what a managed service adds and counts, outages in a table, and the chart of the bills."""

import re

import pandas as pd
import pytest

from notebooks.analysis.deployments import managed, reports, side_by_side
from notebooks.analysis.deployments.monthly_bills import FreeEnd, curve, free_end
from notebooks.analysis.figures import curves
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import load
from results.costs.deployments import DEPLOYMENTS, bills, measured_in
from results.costs.metering import Activity
from results.costs.plans import load_prices
from tests.support.claims import REFERENCE

MEASURED = measured_in(REFERENCE)
PRICES = load_prices()
OUTAGES = reports.outages(REFERENCE)
MOST = 100_000
PNG_BYTES_MAX = 40_000
ODD_ACTIVITIES = {
    "a usual chat": (Activity(1), MOST),
    "hardly anybody": (Activity(1), 2),
    "silence": (Activity(1, events_per_hour=0), MOST),
    "more than anything can hold": (Activity(1, room_size=500, events_per_hour=500, hours_per_day=12), MOST),
}


@pytest.mark.parametrize(("activity", "most"), ODD_ACTIVITIES.values(), ids=ODD_ACTIVITIES)
def test_bills_draw_for_odd_activities_and_stay_small(activity: Activity, most: int) -> None:
    priced = bills(activity, MEASURED, PRICES)
    bought = [curve(name, each, most) for name, each in priced.items()]
    panel = curves.Panel("US dollars a month", "users", bought, "${:,.0f}".format, log_x=True, linear_y=10)
    png = picture(curves.draw, [panel], "A title", "A measure").png
    assert png.startswith(b"\x89PNG")
    assert len(png) < PNG_BYTES_MAX


def test_outages_are_listed_with_our_own_first_then_the_vendors_then_unknown_ones() -> None:
    odd = pd.concat([OUTAGES, OUTAGES.assign(failure="power_cut")])
    names = re.findall(r"^\| \*\*(.+?): ", side_by_side.outages_table(odd, 8).text, re.MULTILINE)
    assert list(dict.fromkeys(names)) == [*reports.FAILURES.values(), "power cut"]


def test_an_outage_is_shown_by_its_median_and_the_most_who_reconnected() -> None:
    failed = OUTAGES[OUTAGES["failure"] == "vendor_hangs"].head(2)
    odd = failed.assign(silent_s=[1.0, 3.0], unacknowledged_s=[0.5, 0.5], connections_broken=[0, 2])
    row = "| **the vendor hangs: Pusher and serverless** | 2.00 s (1.00 s to 3.00 s) | 500 ms | 2 of 8 |"
    assert row in side_by_side.outages_table(odd, 8).text
    assert side_by_side.outages_table(odd.assign(connections_broken=0), 8).text.endswith("| nobody |")


def test_every_deployment_has_one_name_everywhere_and_a_style_of_its_own() -> None:
    assert set(reports.STYLES) == set(DEPLOYMENTS)
    assert len(set(map(str, reports.STYLES.values()))) == len(DEPLOYMENTS)
    assert list(reports.NAMES) == list(DEPLOYMENTS) == list(reports.parts(REFERENCE))
    assert set(OUTAGES["deployment"]) == set(DEPLOYMENTS)


def test_theory_does_not_predict_the_p95_of_a_third_transit() -> None:
    assert [list(curve.theory) for curve in managed.third_transit(REFERENCE, 95)] == [[], []]


def test_the_table_of_a_plan_divides_its_messages_by_what_a_message_counts() -> None:
    messages, connections = 200_000, 100
    counted = 1 + 10  # a message in a room of ten
    a_day = messages / counted
    minutes = managed.minutes_until_used(load(REFERENCE, "conversation"), messages)
    row = f"| {counted} | {counted} | {minutes:.0f} minutes | {a_day:,.0f} | {a_day / connections:,.0f} |"
    assert row in managed.counting(REFERENCE, messages, connections).text


def test_the_number_of_users_within_a_limit_is_the_largest_that_does_not_exceed_it() -> None:
    limit = ("pusher", "connections")
    assert managed.users_within(MEASURED, PRICES, Activity(1), limit, 100_000) == 300  # a third of them at the peak
    assert managed.users_within(MEASURED, PRICES, Activity(1), limit, 200) == 200
    crowd = Activity(1, events_per_hour=1e6)
    assert managed.users_within(MEASURED, PRICES, crowd, ("pusher", "messages_per_day"), 100) == 0
    assert managed.users_within(MEASURED, PRICES, Activity(1), limit, 100_000, plan=1) == 1_500
    table = managed.plans_table(MEASURED, PRICES, Activity(1), 100_000).text
    assert "| **Startup** | $49 | 500 | 1,000,000 | 1,500 |" in table
    assert table.count("\n") == 1 + len(PRICES.plans["pusher"])


def test_a_bill_beyond_every_plan_is_marked() -> None:
    crowd = Activity(1, room_size=500, events_per_hour=500, hours_per_day=12)
    assert "no plan suffices" in side_by_side.bill_table(MEASURED, PRICES, crowd).text


def test_every_meter_that_can_end_a_free_tier_has_a_name() -> None:
    limits = {meter for plans in PRICES.plans.values() for plan in plans for meter in plan.included}
    assert limits - {"memory_gb"} <= set(reports.LIMITS)  # a gigabyte is named as it is


def test_the_ring_names_the_limit_that_one_more_user_exceeds() -> None:
    rented = bills(Activity(1), MEASURED, PRICES)["pusher-and-serverless"]
    end = free_end(rented, MOST)
    assert rented(end.users).usd == 0 < rented(end.users + 1).usd
    assert end.limit == "requests"
    assert free_end(rented, end.users) == FreeEnd(end.users, "")
