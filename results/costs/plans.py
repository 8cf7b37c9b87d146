"""What a month costs: the plans of a service with their limits, and the cheapest plan that suffices.

Teaches that a price is a step function of usage: a plan includes some amount of each meter, and may sell more of it, so
the first hard limit that is reached decides. Prices come from `prices.toml`, usage from `metering`. Leaves out taxes,
yearly discounts, and what a vendor grants on request.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any

PRICES_FILE = Path(__file__).with_name("prices.toml")
CREDIT, COMMERCIAL_USE, NONE_SUFFICES = "credit_usd", "commercial use", "none suffices"

Usage = Mapping[str, float]
"""How much of each meter is used in a month, or at the busiest moment."""


@dataclass(frozen=True, slots=True)
class PricePlan:
    """One plan of a service; the fields are explained in `prices.toml`."""

    name: str
    usd: float
    dated: str
    source: str
    known: str
    included: Usage = field(default_factory=dict)
    unit_usd: Usage = field(default_factory=dict)
    credit_usd: float = 0.0
    credit_is_limit: bool = False
    commercial: bool = True

    def cost_usd(self, usage: Usage) -> float:
        """Return the price of a month; infinite when a limit is exceeded."""
        if any(share > 1 for share in self.shares(usage).values()):
            return inf
        return self.usd + max(0.0, self._metered_usd(usage) - self.credit_usd)

    def shares(self, usage: Usage) -> dict[str, float]:
        """Return how much of each hard limit is used: 1 is all of it."""
        shares = {meter: usage[meter] / most for meter, most in self.included.items() if meter not in self.unit_usd}
        if self.credit_is_limit:
            shares[CREDIT] = self._metered_usd(usage) / self.credit_usd
        return shares

    def _metered_usd(self, usage: Usage) -> float:
        beyond = {meter: max(0.0, usage[meter] - self.included.get(meter, 0.0)) for meter in self.unit_usd}
        return sum(amount * self.unit_usd[meter] for meter, amount in beyond.items())


@dataclass(frozen=True, slots=True)
class BillItem:
    """What one service costs in a month.

    plan: the cheapest that suffices, or NONE_SUFFICES at infinite cost. limit: the plan's hard limit that is used most,
    and which share of it is used; empty if it has none. exceeded: the limit that rules out the next smaller plan.
    """

    service: str
    plan: str
    usd: float
    limit: str = ""
    share: float = 0.0
    exceeded: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """What one vendor sells, from the smallest plan to the largest."""

    name: str
    plans: Sequence[PricePlan]

    def cheapest(self, usage: Usage, *, commercial: bool = False) -> BillItem:
        """Return the cheapest plan that suffices; raises ValueError for usage that lacks a meter or is no amount."""
        self._check(usage)
        allowed = [plan for plan in self.plans if plan.commercial or not commercial]
        cost = {plan.name: plan.cost_usd(usage) if plan in allowed else inf for plan in self.plans}
        best = min(self.plans, key=lambda plan: cost[plan.name])
        suffices = isfinite(cost[best.name])
        smaller = self.plans[: self.plans.index(best)] if suffices else self.plans
        too_small = [plan for plan in smaller if cost[plan.name] == inf]
        exceeded = ""
        if too_small:
            is_private = commercial and not too_small[-1].commercial
            exceeded = COMMERCIAL_USE if is_private else _fullest(too_small[-1].shares(usage))[0]
        if not suffices:
            return BillItem(self.name, NONE_SUFFICES, inf, exceeded=exceeded)
        limit, share = _fullest(best.shares(usage))
        return BillItem(self.name, best.name, cost[best.name], limit, share, exceeded)

    def _check(self, usage: Usage) -> None:
        meters = {meter for plan in self.plans for meter in (*plan.included, *plan.unit_usd)}
        if missing := sorted(meters - usage.keys()):
            raise ValueError(f"{self.name}: expected usage of {', '.join(missing)}, got {', '.join(usage) or 'none'}")
        for meter in meters:
            if not (usage[meter] >= 0 and isfinite(usage[meter])):
                raise ValueError(f"{self.name}: expected {meter} to be an amount of 0 or more, got {usage[meter]}")


def _fullest(shares: Mapping[str, float]) -> tuple[str, float]:
    return max(shares.items(), key=lambda item: item[1], default=("", 0.0))


@dataclass(frozen=True, slots=True)
class Bill:
    """A month of one deployment: an item for each service that it rents."""

    items: tuple[BillItem, ...]

    @property
    def usd(self) -> float:
        return sum(item.usd for item in self.items)

    @property
    def exceeded(self) -> tuple[str, ...]:
        """Return the exceeded limits, as "service: meter", for which something must be paid or no plan suffices."""
        return tuple(f"{item.service}: {item.exceeded}" for item in self.items if item.usd and item.exceeded)


@dataclass(frozen=True, slots=True)
class Prices:
    """All of `prices.toml`: services and assumptions, by name."""

    services: Mapping[str, Service]
    assumptions: Mapping[str, float]

    def service(self, name: str) -> Service:
        """Return a service; raises ValueError, naming all, when there is none of that name."""
        if name not in self.services:
            raise ValueError(f"service: expected one of {', '.join(self.services)}, got {name!r}")
        return self.services[name]


def load_prices(path: Path = PRICES_FILE) -> Prices:
    """Read the prices; raises ValueError, naming the service, for a plan that lacks a field or has an unknown one."""
    tables: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    services = {}
    for name, service in tables["service"].items():
        try:
            services[name] = Service(name, [PricePlan(**plan) for plan in service["plans"]])
        except TypeError as error:
            raise ValueError(f"{path.name}, service {name}: {error}") from error
    return Prices(services, tables["assumptions"])
