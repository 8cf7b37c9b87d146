"""What a month costs: the plans of a service with their limits, and the cheapest plan that suffices.

Teaches that a price is a step function of usage: a plan includes some amount of each meter, and may sell more of it, so
the first hard limit that is reached decides. Prices come from `prices.toml`, usage from `metering`. Leaves out taxes,
yearly discounts, and what a vendor grants on request.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

PRICES_FILE = Path(__file__).with_name("prices.toml")

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
            shares["credit_usd"] = self._metered_usd(usage) / self.credit_usd
        return shares

    def _metered_usd(self, usage: Usage) -> float:
        beyond = {meter: max(0.0, usage[meter] - self.included.get(meter, 0.0)) for meter in self.unit_usd}
        return sum(amount * self.unit_usd[meter] for meter, amount in beyond.items())


@dataclass(frozen=True, slots=True)
class BillItem:
    """What one service costs in a month.

    usd: of the cheapest plan that suffices; infinite if none does. exceeded: the limit that rules out the next smaller
    plan; of several the one that is exceeded most.
    """

    service: str
    usd: float
    exceeded: str = ""


def cheapest(service: str, plans: Sequence[PricePlan], usage: Usage) -> BillItem:
    """Return what a service costs by the cheapest of its plans that suffices; they begin with the smallest."""
    costs = [plan.cost_usd(usage) for plan in plans]
    usd = min(costs)
    smaller = plans if usd == inf else plans[: costs.index(usd)]
    too_small = [plan for plan in smaller if plan.cost_usd(usage) == inf]
    shares = too_small[-1].shares(usage) if too_small else {}
    return BillItem(service, usd, max(shares, key=shares.__getitem__, default=""))


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
    """All of `prices.toml`: the plans of each service, from the smallest to the largest, and the assumptions."""

    plans: Mapping[str, Sequence[PricePlan]]
    assumptions: Mapping[str, float]


def load_prices() -> Prices:
    """Read the prices."""
    tables: Mapping[str, Any] = tomllib.loads(PRICES_FILE.read_text(encoding="utf-8"))
    plans = {name: [PricePlan(**plan) for plan in service["plans"]] for name, service in tables["service"].items()}
    return Prices(plans, tables["assumptions"])
