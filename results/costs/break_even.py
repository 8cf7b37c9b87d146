"""Where free tiers end, and where one deployment becomes cheaper than another.

Teaches to search for both: bills are step functions of the number of users, so no equation gives the point.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import isfinite

from results.costs.deployments import BillByUsers

STEP = 1.02


def last_free(bill: BillByUsers, most: int) -> int:
    """Return up to how many users nothing is paid, 0 to `most`. Expects bills that never fall as users grow."""
    return bisect_left(range(1, most + 1), True, key=lambda users: bill(users).usd > 0)


@dataclass(frozen=True, slots=True)
class Crossing:
    """From this many users on, others are the cheapest. before and after: several where they cost the same."""

    users: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def cheapest(bills: Mapping[str, BillByUsers], users: int) -> tuple[str, ...]:
    """Return the cheapest for so many users, all that cost the same; none if no plan suffices."""
    usd = {name: bill(users).usd for name, bill in bills.items()}
    return tuple(name for name, each in usd.items() if each == min(usd.values()) and isfinite(each))


def crossings(bills: Mapping[str, BillByUsers], most: int) -> tuple[Crossing, ...]:
    """Return where the cheapest deployments change, from 1 to `most` users.

    Exact to the user; of several changes within 2 % more users all but one may be missed.
    """

    @cache
    def leading(users: int) -> tuple[str, ...]:
        return cheapest(bills, users)

    def change(low: int, high: int) -> Crossing:
        before = leading(low)
        users = low + bisect_left(range(low, high), True, key=lambda users: leading(users) != before)
        return Crossing(users, before, leading(users))

    return tuple(change(*ends) for ends in pairwise(_samples(most)) if leading(ends[0]) != leading(ends[1]))


def _samples(most: int) -> list[int]:
    """Return growing numbers of users from 1 to `most`, each at most 2 % or one above the last."""
    samples = [1]
    while samples[-1] < most:
        samples.append(min(most, max(samples[-1] + 1, int(samples[-1] * STEP))))
    return samples
