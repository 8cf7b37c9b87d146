"""What a shared store and a second process cost, from `shared_store.json` (`python -m loadtests shared_store`).

A table whose deliveries do not add up is refused; windows in which the load generator lagged too much are void, and
left out. Every figure is a median over the repeats.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.runs import BrokenRun
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE, Column
from servers import transports
from servers.transports import LOCAL_STAND_IN

WRONG = ["lost", "duplicates", "out_of_order", "send_failures"]
VOID_S = 0.020  # of the generator's lag at p99: the limit of a comparison's verdicts
TO_MS, TO_US = 1e3, 1e6


class Backing(NamedTuple):
    """What servers stand on: a store, and so many processes of the API."""

    store: str
    workers: int

    @property
    def label(self) -> str:
        return f"{NAMES[self.store]}, {self.workers} {'worker' if self.workers == 1 else 'workers'}"


NAMES = {"none": "nothing stored", "sqlite": "SQLite", "redis": "Redis", "postgresql": "PostgreSQL"}
SHARED = ("redis", "postgresql")


class Cost(NamedTuple):
    """CPU time, in us per delivery or append: all of it, and how much of that is the store's engine."""

    total: Interval
    engine: float


class Hop(NamedTuple):
    """Median latency in ms to those on the sender's server and on the other one, and what the latter takes longer."""

    same: Interval
    other: Interval
    longer: Interval


@dataclass(frozen=True, slots=True)
class Sharing:
    """The tables are those of `results.schema`, without void rows.

    made: how it was measured. windows: all of them, of which so many are void, and so many were measured again.
    """

    made: Mapping[str, Any]
    windows: int
    void: int
    again: int
    served: pd.DataFrame
    hops: pd.DataFrame
    appends: pd.DataFrame

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports, in the registry's order."""
        present = set(self.served["transport"])
        return tuple(row.slug for row in transports.TRANSPORTS if row.slug in present)

    @property
    def backings(self) -> tuple[Backing, ...]:
        """What was stood on: the embedded store, then each shared one by its workers."""
        present = self.served[["store", "workers"]].drop_duplicates().itertuples(index=False)
        order = list(NAMES)
        return tuple(sorted((Backing(*row) for row in present), key=lambda row: (order.index(row.store), row.workers)))

    @property
    def evidence(self) -> str:
        """Return what the figures rest on."""
        deliveries = int(self.served["delivered"].sum() + self.hops[["same_n", "other_n"]].to_numpy().sum())
        repeats = wording.counted(int(self.hops["repeat"].nunique()), "repeat")
        (window_s,) = {load["measured_s"] for load in self.made["workloads"]}
        lost = "none lost, none twice, none out of order"
        left_out = f"; {wording.counted(self.void, 'void window')} left out" if self.void else ""
        return f"{wording.counted(deliveries, 'delivery')}, {lost}; {repeats} of {window_s:g} s each{left_out}"

    @property
    def told(self) -> str:
        """Say where and with what it was measured."""
        machine, engines = self.made["machine"], " and ".join(sorted(self.made["engines"].values()))
        return (
            f"Measured on {machine['cpu']}, {machine['cores']} cores, {self.made['pinning']}; {engines}; commit "
            f"{self.made['commit'][:7]}. The load average was {self.made['load_average']:.1f} when it began; "
            f"{self.again} of {self.windows} windows were measured again, since the load generator lagged."
        )

    def label_of(self, slug: str) -> str:
        """Return the honest name of a transport."""
        return transports.find(slug).label_for(self.made.get("push_service", LOCAL_STAND_IN))

    def cpu_us(self, slug: str, backing: Backing) -> Cost:
        """Return the CPU time of servers, push service and engine per delivery."""
        rows = self._served(slug, backing)
        all_s = rows["api_cpu_s"] + rows["push_service_cpu_s"] + rows["store_cpu_s"]
        return Cost(
            interval(list(TO_US * all_s / rows["delivered"])),
            float((TO_US * rows["store_cpu_s"] / rows["delivered"]).median()),
        )

    def latency_ms(self, slug: str, backing: Backing, percent: int) -> Interval:
        """Return the percentile 50 or 95 of delivery latency."""
        return interval(list(TO_MS * self._served(slug, backing)[f"latency_p{percent}_s"]))

    def hop_ms(self, slug: str, store: str) -> Hop:
        """Return what the way through the store takes; the difference is that of each repeat."""
        rows = self.hops[(self.hops["transport"] == slug) & (self.hops["store"] == store)]
        same, other = TO_MS * rows["same_p50_s"], TO_MS * rows["other_p50_s"]
        return Hop(interval(list(same)), interval(list(other)), interval(list(other - same)))

    def append_ms(self, store: str) -> Interval:
        """Return the median time to an acknowledgement, for a sender who is alone; store: or none."""
        return interval(list(TO_MS * self._appended(store)["acked_p50_s"]))

    def append_cpu_us(self, store: str) -> Cost:
        """Return the CPU time of server and engine for one append."""
        rows = self._appended(store)
        each = TO_US * (rows["api_cpu_s"] + rows["store_cpu_s"]) / rows["appends"]
        return Cost(interval(list(each)), float((TO_US * rows["store_cpu_s"] / rows["appends"]).median()))

    def _served(self, slug: str, backing: Backing) -> pd.DataFrame:
        rows = self.served
        of_backing = (rows["store"] == backing.store) & (rows["workers"] == backing.workers)
        found = rows[(rows["transport"] == slug) & of_backing]
        if found.empty:
            raise BrokenRun(f"{SHARED_STORE_FILE} has no row of {slug} on {backing.label} that is not void")
        return found

    def _appended(self, store: str) -> pd.DataFrame:
        return self.appends[self.appends["store"] == store]


def load_sharing(folder: Path) -> Sharing:
    """Read the record in a folder; raise BrokenRun if there is none, or if what it counts does not add up."""
    path = folder / SHARED_STORE_FILE
    if not path.is_file():
        raise BrokenRun(f"{folder}: no {SHARED_STORE_FILE}; `python -m loadtests shared_store --out {folder}`")
    made = json.loads(path.read_text(encoding="utf-8"))
    served, hops, appends = (
        _table(made.pop(name), columns)
        for name, columns in (("loads", LOADS), ("cross_process", CROSS_PROCESS), ("appends", APPENDS))
    )
    wrong = int(served[WRONG].to_numpy().sum() + hops[WRONG].to_numpy().sum())
    if wrong or (served["delivered"] != served["expected"]).any():
        raise BrokenRun(f"{path}: of what was acknowledged, {wrong} deliveries are lost, doubled or out of order")
    lags_s = hops["heartbeat_lag_p99_s"]
    valid = served[served["verdict"] != "void"], hops[lags_s <= VOID_S]
    windows, left = len(served) + len(hops), sum(map(len, valid))
    again = int((served["trials"] > 1).sum() + (hops["trials"] > 1).sum())
    return Sharing(made, windows, windows - left, again, *valid, appends)


def _table(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[column.name for column in columns]).astype(
        {column.name: column.dtype for column in columns}
    )
