"""What a shared store and a second process cost, from `shared_store.json` (`python -m loadtests shared_store`).

Windows in which the load generator lagged too much are left out. Every figure is a median over the repeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from notebooks.analysis import records, wording
from notebooks.analysis.prices import Price
from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import BrokenRun, in_registry_order, label
from results.schema import APPENDS, CROSS_PROCESS, LOADS, SHARED_STORE_FILE

VOID_S = 0.020  # of the generator's lag at p99: the limit of a comparison's verdicts
TO_MS, TO_US = 1e3, 1e6
STORE_LABELS = {"none": "nothing stored", "sqlite": "SQLite", "redis": "Redis", "postgresql": "PostgreSQL"}
SHARED = ("redis", "postgresql")
SERVERS = ["api_cpu_s", "push_service_cpu_s"]


class StoreChoice(NamedTuple):
    """A store, and how many processes of the API use it."""

    store: str
    workers: int

    @property
    def label(self) -> str:
        return f"{STORE_LABELS[self.store]}, {wording.counted(self.workers, 'worker')}"


class CrossProcess(NamedTuple):
    """Median latency in ms to recipients on the sender's server and on the other one, and the difference."""

    same: Interval
    other: Interval
    difference: Interval


@dataclass(frozen=True, slots=True)
class SharedStore:
    """The tables are those of `results.schema`, without void rows. record: how it was measured.

    windows: how many were measured; void, repeated: how many of these are void, and how many were measured again.
    """

    record: Mapping[str, Any]
    windows: int
    void: int
    repeated: int
    loads: pd.DataFrame
    cross_process: pd.DataFrame
    appends: pd.DataFrame

    @property
    def slugs(self) -> tuple[str, ...]:
        """The transports, in the registry's order."""
        return in_registry_order(self.loads["transport"])

    @property
    def choices(self) -> tuple[StoreChoice, ...]:
        """The stores: the embedded one, then each shared one by its workers."""
        order = list(STORE_LABELS)
        choices = {StoreChoice(*row) for row in self.loads[["store", "workers"]].itertuples(index=False)}
        return tuple(sorted(choices, key=lambda choice: (order.index(choice.store), choice.workers)))

    @property
    def evidence(self) -> str:
        """Return what the figures rest on."""
        deliveries = int(self.loads["delivered"].sum() + self.cross_process[["same_n", "other_n"]].to_numpy().sum())
        repeats = wording.counted(int(self.cross_process["repeat"].nunique()), "repeat")
        (window_s,) = {load["measured_s"] for load in self.record["workloads"]}
        lost = "none lost, none twice, none out of order"
        text = f"{wording.counted(deliveries, 'delivery')}, {lost}; {repeats} of {window_s:g} s each"
        if self.void:
            text += f"; {wording.counted(self.void, 'void window')} left out, since the load generator lagged"
        return text

    @property
    def circumstances(self) -> str:
        """Return where and with what it was measured."""
        engines = " and ".join(sorted(self.record["engines"].values()))
        return (
            f"{records.circumstances(self.record, engines)}; {self.repeated} of {self.windows} windows were measured "
            "again, since the load generator lagged."
        )

    def label_of(self, slug: str) -> str:
        """Return a transport's label, with the local stand-in if that served it."""
        return label(self.record, slug)

    def cpu_us(self, slug: str, choice: StoreChoice) -> Price:
        """Return the CPU time of servers, push service and engine per delivery."""
        rows = self._load(slug, choice)
        return _price_us(rows, SERVERS, rows["delivered"])

    def cpu_ratio(self, slug: str, choice: StoreChoice, than: StoreChoice) -> Interval:
        """Return the CPU time per delivery as a multiple of another choice's, paired within each repeat."""

        def cpu_s(of: StoreChoice) -> "pd.Series[float]":
            rows = self._load(slug, of).set_index("repeat")
            return rows[["store_cpu_s", *SERVERS]].sum(axis="columns") / rows["delivered"]

        return interval(list((cpu_s(choice) / cpu_s(than)).dropna()))

    def latency_ms(self, slug: str, choice: StoreChoice, percent: int) -> Interval:
        """Return the percentile 50 or 95 of delivery latency."""
        return interval(list(TO_MS * self._load(slug, choice)[f"latency_p{percent}_s"]))

    def cross_process_ms(self, slug: str, store: str) -> CrossProcess:
        """Return the latency within and across processes; the difference is that of each repeat."""
        rows = self.cross_process
        rows = rows[(rows["transport"] == slug) & (rows["store"] == store)]
        same, other = TO_MS * rows["same_p50_s"], TO_MS * rows["other_p50_s"]
        return CrossProcess(interval(list(same)), interval(list(other)), interval(list(other - same)))

    def append_ms(self, store: str) -> Interval:
        """Return the median time to an acknowledgement, for a sender who is alone. store: "none" stores nothing."""
        return interval(list(TO_MS * self._appends(store)["acked_p50_s"]))

    def append_cpu_us(self, store: str) -> Price:
        """Return the CPU time of server and engine for one append."""
        rows = self._appends(store)
        return _price_us(rows, ["api_cpu_s"], rows["appends"])

    def _load(self, slug: str, choice: StoreChoice) -> pd.DataFrame:
        rows = self.loads
        is_chosen = (rows["store"] == choice.store) & (rows["workers"] == choice.workers)
        found = rows[(rows["transport"] == slug) & is_chosen]
        if found.empty:
            raise BrokenRun(f"{SHARED_STORE_FILE} has no row of {slug} on {choice.label} that is not void")
        return found

    def _appends(self, store: str) -> pd.DataFrame:
        return self.appends[self.appends["store"] == store]


def _price_us(rows: pd.DataFrame, servers: list[str], divisor: "pd.Series[float]") -> Price:
    """Return CPU time in us per delivery or append, and how much of it is the store's engine's."""
    engine_us = TO_US * rows["store_cpu_s"] / divisor
    servers_us = TO_US * rows[servers].sum(axis="columns") / divisor
    return Price(interval(list(servers_us + engine_us)), float(engine_us.median()))


def load_shared_store(folder: Path) -> SharedStore:
    """Read the record in a folder; raise BrokenRun if there is none, or if its counts do not add up."""
    path = folder / SHARED_STORE_FILE
    record = records.read(path)
    loads = records.table(path, record.pop("loads"), LOADS)
    cross_process = records.table(path, record.pop("cross_process"), CROSS_PROCESS)
    appends = records.table(path, record.pop("appends"), APPENDS)
    records.check(path, loads, cross_process)
    valid_loads = loads[loads["verdict"] != "void"]
    valid_cross_process = cross_process[cross_process["heartbeat_lag_p99_s"] <= VOID_S]
    windows = len(loads) + len(cross_process)
    void = windows - len(valid_loads) - len(valid_cross_process)
    repeated = sum(int((rows["trials"] > 1).sum()) for rows in (loads, cross_process))
    return SharedStore(record, windows, void, repeated, valid_loads, valid_cross_process, appends)
