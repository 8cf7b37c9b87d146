"""The same small load on each deployment as it stands, from `deployments.json` (`python -m loadtests deployments`).

A record whose deliveries do not add up is refused; windows in which the load generator lagged too much are void, and
left out. Every figure is a median over the repeats, with their interval.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.deployments.reports import NAMES, record
from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.runs import BrokenRun
from results.schema import DEPLOYMENTS, DEPLOYMENTS_FILE

WRONG = ["lost", "duplicates", "out_of_order", "send_failures"]
CPU = ["api_cpu_s", "push_service_cpu_s", "store_cpu_s"]
BYTES = ["client_up_bytes", "client_down_bytes", "publish_bytes"]
RESIDENT = ["api_rss_bytes", "push_service_rss_bytes"]
TO_MS, TO_US, TO_MIB = 1e3, 1e6, 2**-20


def under_load(folder: Path) -> pd.DataFrame:
    """Return a row of `results.schema.DEPLOYMENTS` for each option and repeat that is not void; raise BrokenRun."""
    rows = pd.DataFrame(record(folder, DEPLOYMENTS_FILE)["deployments"])
    if missing := [column.name for column in DEPLOYMENTS if column.name not in rows]:
        raise BrokenRun(f"{folder / DEPLOYMENTS_FILE} lacks columns of results.schema: {', '.join(missing)}")
    wrong = int(rows[WRONG].to_numpy().sum())
    if wrong or (rows["delivered"] != rows["expected"]).any():
        raise BrokenRun(f"{folder / DEPLOYMENTS_FILE}: {wrong} deliveries are lost, doubled or out of order")
    return rows[rows["verdict"] != "void"]


def latency_ms(rows: pd.DataFrame, percent: int) -> "pd.Series[float]":
    """Return the percentile 50 or 99 of delivery latency in each row, ms."""
    return TO_MS * rows[f"latency_p{percent}_s"]


def cpu_us(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the CPU time of all processes but who tends others per delivery in each row, us; nan if untold."""
    return TO_US * rows[CPU].sum(axis=1, skipna=False) / rows["delivered"]


def bytes_each(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return what crossed wires per delivery in each row, in bytes: the clients', and between the server's parts."""
    return rows[BYTES].sum(axis=1, skipna=False) / rows["delivered"]


def resident_mib(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the largest resident memory in each row of all processes but the engine and who tends others, MiB."""
    return TO_MIB * rows[RESIDENT].sum(axis=1)


def load_table(folder: Path) -> wording.Prose:
    """Return what a delivery takes on each option."""
    rows = under_load(folder)
    told = {}
    for option, name in NAMES.items():
        of_it = rows[rows["deployment"] == option]
        told[name] = {
            "half seen within": _told(interval(list(latency_ms(of_it, 50))), wording.duration),
            "99 in 100 within": _told(interval(list(latency_ms(of_it, 99))), wording.duration),
            "CPU per delivery": _told(interval(list(cpu_us(of_it))), "{:.0f} us".format),
            "bytes per delivery": _told(interval(list(bytes_each(of_it))), wording.amount),
            "memory": f"{resident_mib(of_it).median():.0f} MiB",
        }
    return wording.table(told)


def _told(found: Interval, write: Callable[[float], str]) -> str:
    """Write a median, and between which limits it lies if they differ."""
    value, low, high = (write(each) for each in (found.value, found.low, found.high))
    return value if low == high else f"{value} ({low} to {high})"
