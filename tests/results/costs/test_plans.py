"""Plans and their limits: the cheapest that suffices and what ruled out a smaller one."""

import re
from collections.abc import Mapping
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

import pytest

from results.costs.plans import NONE_SUFFICES, BillItem, PricePlan, Service, load_prices


def plan(name: str, usd: float, **fields: Any) -> PricePlan:
    return PricePlan(name, usd, dated="2026", source="https://example.com", known="assumed", **fields)


KNOWN = ("first hand", "second hand", "assumed")
SHOP = Service(
    "shop",
    [
        plan("free", 0, included={"calls": 100}, commercial=False),
        plan("small", 10, included={"calls": 1000}, unit_usd={"gigabytes": 1.0}, credit_usd=5),
        plan("large", 40, included={"calls": 5000}),
    ],
)


@pytest.mark.parametrize(
    ("calls", "gigabytes", "commercial", "item"),
    [
        (100, 0, False, BillItem("shop", "free", 0, "calls", 1.0)),
        (101, 0, False, BillItem("shop", "small", 10, "calls", 0.101, "calls")),
        (500, 5, False, BillItem("shop", "small", 10, "calls", 0.5, "calls")),
        (500, 8, False, BillItem("shop", "small", 13, "calls", 0.5, "calls")),
        (500, 60, False, BillItem("shop", "large", 40, "calls", 0.1, "calls")),
        (5001, 0, False, BillItem("shop", NONE_SUFFICES, inf, exceeded="calls")),
        (1, 0, True, BillItem("shop", "small", 10, "calls", 0.001, "commercial use")),
    ],
)
def test_the_cheapest_plan_that_suffices(calls: int, gigabytes: int, commercial: bool, item: BillItem) -> None:
    assert SHOP.cheapest({"calls": calls, "gigabytes": gigabytes}, commercial=commercial) == item


def test_a_credit_that_is_a_limit_buys_no_more() -> None:
    service = Service("host", [plan("free", 0, unit_usd={"hours": 0.5}, credit_usd=1, credit_is_limit=True)])
    assert service.cheapest({"hours": 2}).usd == 0
    assert service.cheapest({"hours": 3}).exceeded == "credit_usd"


@pytest.mark.parametrize("usage", [{}, {"calls": -1, "gigabytes": 0}, {"calls": inf, "gigabytes": 0}])
def test_usage_that_is_missing_or_no_amount_is_refused(usage: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match=r"shop: expected .*calls"):
        SHOP.cheapest(usage)


def test_every_price_has_its_date_and_its_source() -> None:
    prices = load_prices()
    for each in (plan for service in prices.services.values() for plan in service.plans):
        assert each.source.startswith("https://"), each
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", each.dated), each
        assert each.known in KNOWN, each
        assert int(each.dated[:4]) <= date.today().year
    pusher = prices.service("pusher").plans
    assert {plan.known for plan in pusher} == {"second hand"}, "the ladder is from a list that is not the vendor's own"


def test_a_price_list_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[service.shop]\nplans = [{ name = "free", euros = 0 }]\n')
    with pytest.raises(ValueError, match=r"prices\.toml, service shop: .*euros"):
        load_prices(path)
