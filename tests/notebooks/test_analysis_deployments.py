"""The deployment options told: what renting adds, what the vendor counts, and the chart of the drills."""

from pathlib import Path

import pandas as pd
import pytest

from notebooks.analysis.deployments import renting, reports, side_by_side
from notebooks.analysis.figures import drills
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import ROOT, BrokenRun, load
from results.costs.activity import Activity
from results.costs.deployments import DEPLOYMENTS, measured_in
from results.costs.plans import load_prices
from results.schema import OUTAGES_FILE

REFERENCE = ROOT / "results" / "reference"
MEASURED, PRICES = measured_in(REFERENCE), load_prices()
DRILLS = reports.drills(REFERENCE)
PNG_BYTES_MAX = 40_000
ODD = {
    "all": DRILLS,
    "one option": DRILLS[DRILLS["deployment"] == "single-server"],
    "one repeat": DRILLS[DRILLS["repeat"] == 0],
    "a drill of another name": DRILLS.assign(failure="power_cut"),
    "nobody waited": DRILLS.assign(silent_s=0.0, unacknowledged_s=0.0),
}


@pytest.mark.parametrize("shown", ODD.values(), ids=ODD.keys())
def test_the_drills_draw_for_odd_reports_and_stay_small(shown: pd.DataFrame) -> None:
    png = picture(drills.draw, shown, 8, "A title", "A measure").png
    assert png.startswith(b"\x89PNG")
    assert len(png) < PNG_BYTES_MAX


def test_drills_are_told_from_ones_own_to_the_vendors_and_unknown_ones_last() -> None:
    odd = pd.concat([DRILLS, DRILLS.assign(failure="power_cut")])
    assert list(drills.groups(odd)) == [*drills.HAPPENED.values(), "power cut"]
    row = drills.groups(DRILLS)["the vendor hangs"][0]
    assert (row.option, row.told) == ("pusher-and-serverless", 0)


def test_every_option_has_one_name_everywhere() -> None:
    assert list(reports.NAMES) == list(DEPLOYMENTS) == list(reports.parts(REFERENCE))
    assert set(DRILLS["deployment"]) == set(DEPLOYMENTS)


def test_the_third_transit_is_the_delay_to_the_service_and_no_theory_is_told_of_p95() -> None:
    (rented, own), late = renting.third_transit(REFERENCE), renting.third_transit(REFERENCE, 95)
    assert [predicted - 100 for predicted in rented.theory] == pytest.approx(rented.x)
    assert set(own.theory) == {100}
    assert [list(curve.theory) for curve in late] == [[], []]


def test_a_message_counts_its_publishing_and_every_delivery() -> None:
    talk = load(REFERENCE, "conversation")
    assert renting.counted_per_message(talk).value == 11
    assert renting.minutes_a_day(talk, 400_000) == pytest.approx(2 * renting.minutes_a_day(talk, 200_000))


def test_a_limit_suffices_up_to_the_last_user_who_stays_within_it() -> None:
    limit = ("pusher", "connections")
    assert renting.users_within(MEASURED, PRICES, Activity(1), limit, 100_000) == 300  # a third of them at the peak
    assert renting.users_within(MEASURED, PRICES, Activity(1), limit, 200) == 200
    crowd = Activity(1, events_per_hour=1e6)
    assert renting.users_within(MEASURED, PRICES, crowd, ("pusher", "messages_per_day"), 100) == 0


def test_a_plan_with_more_connections_suffices_for_more_users() -> None:
    limit = ("pusher", "connections")
    assert renting.users_within(MEASURED, PRICES, Activity(1), limit, 100_000, plan=1) == 1_500
    table = renting.plans_table(MEASURED, PRICES, Activity(1), 100_000).words
    assert "| **Startup** | $49 | 500 | 1,000,000 | 1,500 |" in table
    assert table.count("\n") == 1 + len(PRICES.service("pusher").plans)


def test_the_limit_that_is_reached_first_is_ringed() -> None:
    curves = renting.free_ends(MEASURED, PRICES, Activity(1, events_per_hour=120), (2, 200), 100_000)
    assert {curve.name: list(curve.ringed) for curve in curves} == {
        "requests": [2],
        "connections": [],
        "messages": [200],
    }


def test_a_bill_that_no_plan_can_pay_says_so() -> None:
    crowd = Activity(1, room_size=500, events_per_hour=500)
    assert "no plan suffices" in side_by_side.bill_table(MEASURED, PRICES, crowd, [100_000]).words


def test_what_is_lost_is_told_of_what_was_due() -> None:
    assert side_by_side.lost(pd.DataFrame({"lost": [1, 0], "deliveries": [999, 1_000]})) == "1 of 2,000 deliveries lost"


def test_a_report_that_lacks_a_figure_is_refused(tmp_path: Path) -> None:
    (tmp_path / OUTAGES_FILE).write_text('{"outages": [{"deployment": "single-server"}]}', encoding="utf-8")
    with pytest.raises(BrokenRun, match=r"lacks columns of results\.schema: failure, repeat"):
        reports.drills(tmp_path)
