"""The same small load on each deployment, from `deployments.json` (`python -m loadtests deployments`).

Rows in which the load generator lagged too much are left out. Every figure is a median over the repeats, with their
interval.
"""

from pathlib import Path

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.deployments.reports import NAMES
from notebooks.analysis.intervals import interval
from notebooks.analysis.records import check, read, table
from results.schema import DEPLOYMENTS, DEPLOYMENTS_FILE

CPU = ["api_cpu_s", "push_service_cpu_s", "store_cpu_s"]
BYTES = ["client_up_bytes", "client_down_bytes", "publish_bytes"]
RESIDENT = ["api_rss_bytes", "push_service_rss_bytes"]
TO_MS, TO_US, TO_MIB = 1e3, 1e6, 2**-20


def under_load(folder: Path) -> pd.DataFrame:
    """Return a row of `results.schema.DEPLOYMENTS` for each deployment and repeat that is valid; raise BrokenRun."""
    path = folder / DEPLOYMENTS_FILE
    rows = table(path, read(path)["deployments"], DEPLOYMENTS)
    check(path, rows)
    return rows[rows["verdict"] != "void"]


def latency_ms(rows: pd.DataFrame, percent: int) -> "pd.Series[float]":
    """Return the percentile 50 or 99 of delivery latency in each row, ms."""
    return TO_MS * rows[f"latency_p{percent}_s"]


def cpu_us(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the CPU time per delivery of all processes but supervisors in each row, us; nan if one is unknown."""
    return TO_US * rows[CPU].sum(axis=1, skipna=False) / rows["delivered"]


def bytes_each(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the bytes on the wire per delivery in each row: the clients', and between the server's parts."""
    return rows[BYTES].sum(axis=1, skipna=False) / rows["delivered"]


def resident_mib(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the largest resident memory in each row of all processes but engine and supervisors, MiB."""
    return TO_MIB * rows[RESIDENT].sum(axis=1)


def load_table(folder: Path) -> wording.Prose:
    """Return what a delivery takes on each deployment."""
    rows = under_load(folder)
    cells = {}
    for deployment, name in NAMES.items():
        own = rows[rows["deployment"] == deployment]
        cells[name] = {
            "half seen within": wording.with_limits(interval(list(latency_ms(own, 50))), wording.duration),
            "99 in 100 within": wording.with_limits(interval(list(latency_ms(own, 99))), wording.duration),
            "CPU per delivery": wording.with_limits(interval(list(cpu_us(own))), "{:.0f} us".format),
            "bytes per delivery": wording.with_limits(interval(list(bytes_each(own))), wording.amount),
            "memory": f"{resident_mib(own).median():.0f} MiB",
        }
    return wording.table(cells)
