"""The cost of a transport by cause: the counts of a run as rates per event, per delivery and per second online.

Teaches that every count has three causes: events, their deliveries, and users who are online. A run that varies these
three (`LOADS`) gives one equation for each load, and least squares give the rates. Leaves out costs that many users
share, such as responses with several events: so a poller's rates hold only near the loads that they come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from results.schema import CELLS_FILE

LOADS = ("idle", "conversation", "busy", "large_room")
COUNTS: Mapping[str, tuple[str, ...]] = {
    "requests": ("requests_send", "requests_receive", "requests_upkeep"),
    "cpu_s": ("api_cpu_s",),
    "down_bytes": ("server_down_bytes",),
    "publish_bytes": ("publish_bytes",),
}


class Causes(NamedTuple):
    """The causes of a load's costs. user_s: the sum over all users of the seconds online."""

    events: float
    deliveries: float
    user_s: float


@dataclass(frozen=True, slots=True)
class Rate:
    """How much one event, one delivery and one second of one user online add to a count.

    error: the largest relative error at one of the loads.
    """

    event: float
    delivery: float
    user_s: float
    error: float = 0.0

    def of(self, causes: Causes) -> float:
        """Return the count that these causes bring about."""
        return self.event * causes.events + self.delivery * causes.deliveries + self.user_s * causes.user_s


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one transport's API server, and its resident memory: of the process, and of each user online.

    users_max: the most users at once that the run measured; for more users the rates are an extrapolation.
    """

    slug: str
    requests: Rate
    cpu_s: Rate
    down_bytes: Rate
    publish_bytes: Rate
    process_bytes: float
    user_bytes: float
    users_max: int


def rates(folder: Path, slug: str) -> Rates:
    """Read a run's cells and return a transport's rates; raises ValueError if one of LOADS or of COUNTS is missing."""
    cells = pd.read_csv(folder / CELLS_FILE)
    cells = cells[(cells["transport"] == slug) & (cells["verdict"] != "void")]
    loads = {name: cells[cells["scenario"] == name] for name in LOADS}
    if missing := [name for name, load in loads.items() if load.empty]:
        lacking = f"{folder} has no valid cell of {slug} in {', '.join(missing)}"
        raise ValueError(f"{lacking}; `make compare ARGS=--full` measures all")
    causes = [_causes(load) for load in loads.values()]
    counts = {
        name: [float(load[list(columns)].to_numpy().sum()) for load in loads.values()]
        for name, columns in COUNTS.items()
    }
    if uncounted := [name for name, totals in counts.items() if not all(map(isfinite, totals))]:
        raise ValueError(f"{folder}: the server of {slug} did not count {', '.join(uncounted)}, so it has no price")
    process_bytes, user_bytes = memory(loads["idle"], loads["conversation"])
    of_causes = {name: fitted(causes, totals) for name, totals in counts.items()}
    users_max = int(cells["users"].max())
    return Rates(slug, **of_causes, process_bytes=process_bytes, user_bytes=user_bytes, users_max=users_max)


def _causes(load: pd.DataFrame) -> Causes:
    user_s = (load["users"] * load["measured_s"]).sum()
    return Causes(float(load["events"].sum()), float(load["delivered"].sum()), float(user_s))


def memory(many: pd.DataFrame, few: pd.DataFrame) -> tuple[float, float]:
    """Return the resident memory of a process without users, and of each user, from a large and a small load."""
    many_users, few_users = (float(load["users"].mean()) for load in (many, few))
    many_bytes, few_bytes = (float(load["api_rss_bytes"].mean()) for load in (many, few))
    if many_users <= few_users:
        raise ValueError(f"rates: expected more users in idle than in conversation, got {many_users:g}, {few_users:g}")
    user_bytes = max(0.0, (many_bytes - few_bytes) / (many_users - few_users))
    return few_bytes - user_bytes * few_users, user_bytes


def fitted(causes: Sequence[Causes], counts: Sequence[float]) -> Rate:
    """Return the non-negative rates whose relative errors have the least sum of squares.

    With three causes every subset of them can be tried, so no solver for constraints is needed.
    """
    totals = np.asarray(counts, dtype=np.float64)
    # Each load's equation is divided by its count: so 1 is wanted, and an error is a relative one (0 for no count).
    weighted = np.asarray(causes) / np.where(totals, totals, 1.0)[:, np.newaxis]
    wanted = np.where(totals, 1.0, 0.0)
    best = np.zeros(3)
    least = float(wanted @ wanted)
    subsets = [list(subset) for size in (1, 2, 3) for subset in combinations(range(3), size)]
    for chosen in subsets:
        trial = np.zeros(3)
        trial[chosen] = np.linalg.lstsq(weighted[:, chosen], wanted, rcond=None)[0]
        errors = weighted @ trial - wanted
        if trial.min() >= 0 and errors @ errors < least:
            best, least = trial, float(errors @ errors)
    error = float(np.abs(weighted @ best - wanted).max())
    return Rate(float(best[0]), float(best[1]), float(best[2]), error)
