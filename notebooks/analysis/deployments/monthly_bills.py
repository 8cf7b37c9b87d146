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
    """Return where a deployment's free tier ends; its limit is empty if that is beyond `most`."""
    users = last_free(bill, most)
    first = next((each for each in bill(users + 1).exceeded if users < most), "")
    meter = first.rpartition(": ")[2]
    return FreeEnd(users, LIMITS.get(meter, meter))


def curve(deployment: str, bill: BillByUsers, most: int) -> Curve:
    """Return a bill in dollars at powers of ten and at the last free user, who is ringed; crossed: no plan suffices."""
    free, style = last_free(bill, most), STYLES[deployment]
    usd = {users: bill(users).usd for users in sorted({free, *(10**power for power in range(len(str(most))))} - {0})}
    points = {users: Interval(each, each, each) for users, each in usd.items() if isfinite(each)}
    beyond = [users for users in usd if users not in points]
    ringed = [free] if 0 < free < most else []
    return Curve(
        style.beside, style.colour, [*points], [*points.values()], ringed=ringed, crossed=beyond, line=style.line
    )
