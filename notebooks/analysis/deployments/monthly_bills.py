"""What a month costs by the number of users: where free use ends, and the bills as curves."""

from dataclasses import dataclass
from math import isfinite

from notebooks.analysis.deployments.reports import LIMITS, STYLES
from notebooks.analysis.figures.curves import Curve
from notebooks.analysis.quantiles import Interval
from results.costs.deployments import BillByUsers, last_free


@dataclass(frozen=True, slots=True)
class FreeEnd:
    """The largest number of users that costs nothing (0: none), and the limit that one more user exceeds."""

    users: int
    limit: str


def free_end(bill: BillByUsers, most: int) -> FreeEnd:
    """Return where a deployment's free tier ends; its limit is empty if that is beyond `most`, or none is exceeded."""
    users = last_free(bill, most)
    items = bill(users + 1).items if users < most else ()
    meter = next((item.exceeded for item in items if item.usd and item.exceeded), "")
    return FreeEnd(users, LIMITS.get(meter, meter))


def curve(deployment: str, bill: BillByUsers, most: int) -> Curve:
    """Return a bill in dollars at powers of ten and at the last free user.

    The last free number of users is ringed; the numbers of users for which no plan suffices are crossed.
    """
    free = last_free(bill, most)
    style = STYLES[deployment]
    counts = {free, *(10**power for power in range(len(str(most))))}
    usd = {users: bill(users).usd for users in sorted(counts) if users}
    xs = [users for users in usd if isfinite(usd[users])]
    points = [Interval(usd[users], usd[users], usd[users]) for users in xs]
    beyond = [users for users in usd if users not in xs]
    ringed = [free] if 0 < free < most else []
    return Curve(style.beside, style.colour, xs, points, ringed=ringed, crossed=beyond, line=style.line)
