"""The chart of the monthly bill: drawn for odd activities too, and its headline says what its prices say."""

from pathlib import Path

import pytest

from notebooks.analysis.figures import bill
from notebooks.analysis.figures.bill import FreeEnd
from notebooks.analysis.figures.style import Picture, picture
from results.costs.activity import Activity
from results.costs.deployments import DEPLOYMENTS, bills, measured_in
from results.costs.plans import load_prices

MEASURED = measured_in(Path(__file__).parents[2] / "results" / "reference")
PRICES = load_prices()
MOST = 100_000
PNG = b"\x89PNG"
PNG_BYTES_MAX = 40_000
ODD = {
    "a usual chat": (Activity(1), MOST, False),
    "commercial": (Activity(1), MOST, True),
    "hardly anybody": (Activity(1), 2, False),
    "silence": (Activity(1, events_per_hour=0), MOST, False),
    "more than anything can hold": (Activity(1, room_size=500, events_per_hour=500, hours_per_day=12), MOST, True),
}


def drawn(activity: Activity, most: int, commercial: bool) -> Picture:
    return picture(lambda: bill.draw(MEASURED, PRICES, activity, most, commercial=commercial))


@pytest.mark.parametrize("shown", ODD.values(), ids=ODD.keys())
def test_the_bill_draws_for_odd_activities_and_stays_small(shown: tuple[Activity, int, bool]) -> None:
    png = drawn(*shown).png
    assert png.startswith(PNG)
    assert len(png) < PNG_BYTES_MAX


def test_the_bill_has_the_same_bytes_when_drawn_again() -> None:
    assert drawn(Activity(1), MOST, False) == drawn(Activity(1), MOST, False)


def test_every_deployment_has_a_name_a_line_and_words_for_a_sentence() -> None:
    assert set(bill.STYLES) == set(bill.IN_SENTENCE) == set(DEPLOYMENTS)


def test_every_meter_that_can_end_a_free_tier_has_a_name() -> None:
    limits = {meter for service in PRICES.services.values() for plan in service.plans for meter in plan.included}
    assert limits - {"memory_gb"} <= set(bill.LIMITS)  # a gigabyte is named as it is


def test_the_headline_names_each_end_even_if_there_is_none() -> None:
    limits = [FreeEnd(43, "requests"), FreeEnd(0, "commercial use"), FreeEnd(MOST, "")]
    ends = dict(zip(DEPLOYMENTS, limits, strict=True))
    assert bill.finding(ends, MOST) == (
        "Free for 43 users with Pusher, for 100,000 users and more on a single server, for nobody otherwise"
    )
    assert bill.finding(dict.fromkeys(DEPLOYMENTS, FreeEnd(0, "")), MOST) == "Free for nobody"


def test_the_ring_names_the_limit_that_one_more_user_exceeds() -> None:
    rented = bills(Activity(1), MEASURED, PRICES)["pusher-and-serverless"]
    end = bill.free_end(rented, MOST)
    assert rented(end.users).usd == 0 < rented(end.users + 1).usd
    assert end.limit == "requests"
    assert bill.free_end(rented, end.users) == FreeEnd(end.users, "")
