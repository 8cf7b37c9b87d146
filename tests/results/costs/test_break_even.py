"""Where free tiers end, and where the cheapest deployment changes."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.costs.break_even import Crossing, cheapest, crossings, last_free
from results.costs.plans import Bill, BillItem

MOST = 100_000


def flat(usd: float) -> Bill:
    return Bill((BillItem("shop", "any", usd),))


@pytest.mark.parametrize("free", [0, 43, MOST])
def test_free_ends_exactly_where_a_price_begins(free: int) -> None:
    assert last_free(lambda users: flat(0 if users <= free else 20), MOST) == free


@given(st.integers(2, MOST))
def test_a_crossing_is_found_to_the_user(at: int) -> None:
    found = crossings({"a": lambda n: flat(5 if n < at else 50), "b": lambda _: flat(10)}, MOST)
    assert found == (Crossing(at, ("a",), ("b",)),)


def test_equals_lead_together_until_one_of_them_costs_more() -> None:
    equals = {"a": lambda n: flat(5 if n < 44 else 50), "b": lambda _: flat(5), "c": lambda _: flat(inf)}
    assert cheapest(equals, 43) == ("a", "b")
    assert crossings(equals, MOST) == (Crossing(44, ("a", "b"), ("b",)),)


def test_nothing_is_cheapest_where_no_plan_suffices() -> None:
    assert cheapest({"a": lambda _: flat(inf)}, 1) == ()
