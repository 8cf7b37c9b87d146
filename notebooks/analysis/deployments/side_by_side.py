"""The three deployments in tables: their parts, the same small load on each, what a month costs, all side by side.

The cost of a delivery comes from `deployments.json` (`python -m loadtests deployments`), without the rows in which the
load generator lagged too much. Each of these figures is a median over the repeats, with their interval.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.deployments.reports import FAILURES, NAMES, code, outages, parts, role
from notebooks.analysis.quantiles import interval
from notebooks.analysis.records import check, read, table
from results import schema
from results.costs.deployments import DEPLOYMENTS, Measured, bills
from results.costs.metering import Activity
from results.costs.plans import Prices

CHATS = {"WebSocket chat in Python": "raw WebSocket", "Pusher chat in Python": "Pusher"}
USERS = (10, 100, 1_000, 10_000)
CPU = ["api_cpu_s", "push_service_cpu_s", "store_cpu_s"]
BYTES = ["client_up_bytes", "client_down_bytes", "publish_bytes"]
RESIDENT = ["api_rss_bytes", "push_service_rss_bytes"]
TO_MS, TO_US, TO_MIB = 1e3, 1e6, 2**-20


def parts_table(folder: Path, measured: Measured, prices: Prices) -> wording.Prose:
    """Return for each deployment its programs, connections, settings and vendors."""
    rows = {}
    for deployment, found in parts(folder).items():
        rented = [f"{role(name)} (rented)" for name in found["rented"]]
        usage = DEPLOYMENTS[deployment](measured, Activity(1), prices.assumptions, "")  # of each vendor, free or not
        rows[NAMES[deployment]] = {
            "programs": ", ".join([*map(role, found["own"]), *rented]),
            "browsers reach": " and ".join(map(role, found["browsers_reach"])),
            "connections between them": ", ".join(map(role, found["links"])) or "none",
            "settings": str(len(found["settings"])),
            "vendors": ", ".join(name.title() for name in usage if name != "one-process"),
        }
    return wording.table(rows)


def code_table(folder: Path) -> wording.Prose:
    """Return lines and moving parts of the shortest whole chats."""
    found = code(folder)
    return _transposed(
        {
            label: {
                "lines of code": str(found[name]["lines"]),
                "packages": str(len(found[name]["packages"])),
                "credentials": str(len(found[name]["credentials"])),
                "processes": str(found[name]["processes"]),
                "endpoints": str(found[name]["endpoints"]),
                "connections of a listener": str(found[name]["listener_connections"]),
                "of a sender": str(found[name]["sender_connections"]),
            }
            for name, label in CHATS.items()
        }
    )


def bill_table(measured: Measured, prices: Prices, activity: Activity) -> wording.Prose:
    """Return what a month costs by users."""
    rows = {
        NAMES[deployment]: {f"{count:,} users": _usd(bill(count).usd) for count in USERS}
        for deployment, bill in bills(activity, measured, prices).items()
    }
    return wording.table(rows)


def lost(outages: pd.DataFrame) -> str:
    """Return how many deliveries were lost in these outages, of how many that were due."""
    never = int(outages["lost"].sum())
    return f"{never} of {never + outages['deliveries'].sum():,} deliveries lost"


def outages_table(outages: pd.DataFrame, people: int) -> wording.Prose:
    """Return what each failure cost the users of each deployment, over the repeats. people: how many talked."""
    rows = {}
    for failure in dict.fromkeys([*FAILURES, *sorted(outages["failure"])]):
        for deployment, name in NAMES.items():
            found = outages[(outages["failure"] == failure) & (outages["deployment"] == deployment)]
            if found.empty:
                continue
            silent, waited = (interval(list(TO_MS * found[f"{what}_s"])) for what in ("silent", "unacknowledged"))
            broken = int(found["connections_broken"].max())
            rows[f"{FAILURES.get(failure, failure.replace('_', ' '))}: {name}"] = {
                "longest time that somebody saw nothing": wording.with_limits(silent, wording.duration),
                "longest wait for an acknowledgement": wording.duration(waited.value),
                "reconnecting": f"{broken} of {people}" if broken else "nobody",
            }
    return wording.table(rows)


def side_by_side(folder: Path, measured: Measured, prices: Prices, activity: Activity) -> wording.Prose:
    """Return a column for each deployment: its parts, its latency, its worst outage and its bill."""
    rows = {}
    failed = outages(folder)
    by_users = bills(activity, measured, prices)
    for deployment, found in parts(folder).items():
        own = failed[failed["deployment"] == deployment]
        rows[NAMES[deployment]] = {
            "programs": str(len(found["own"]) + len(found["rented"])),
            "links between them": str(len(found["links"])),
            "half seen within": wording.duration(half_within_ms(folder, deployment)),
            "when parts failed": lost(own),
            "longest silence": f"{own['silent_s'].max():.1f} s",
            **{f"a month of {count:,} users": _usd(by_users[deployment](count).usd) for count in USERS[1:]},
        }
    return _transposed(rows)


def _transposed(rows: Mapping[str, Mapping[str, str]]) -> wording.Prose:
    """Return a table whose columns are these rows: few things with many figures."""
    figures = next(iter(rows.values()))
    return wording.table({figure: {name: row[figure] for name, row in rows.items()} for figure in figures})


def _usd(usd: float) -> str:
    return f"${usd:,.0f}" if isfinite(usd) else "no plan suffices"


def under_load(folder: Path) -> pd.DataFrame:
    """Return a row of `results.schema.DEPLOYMENTS` for each deployment and repeat that is valid; raise BrokenRun."""
    path = folder / schema.DEPLOYMENTS_FILE
    rows = table(path, read(path)["deployments"], schema.DEPLOYMENTS)
    check(path, rows)
    return rows[rows["verdict"] != "void"]


def median_ms(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the median of delivery latency in each row, ms; a row has too few deliveries for a p99."""
    return TO_MS * rows["latency_p50_s"]


def half_within_ms(folder: Path, deployment: str) -> float:
    """Return the median over the repeats of a deployment's median latency under load, ms; raise BrokenRun."""
    rows = under_load(folder)
    return float(median_ms(rows[rows["deployment"] == deployment]).median())


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
            "half seen within": wording.with_limits(interval(list(median_ms(own))), wording.duration),
            "CPU per delivery": wording.with_limits(interval(list(cpu_us(own))), "{:.0f} us".format),
            "bytes per delivery": wording.with_limits(interval(list(bytes_each(own))), wording.amount),
            "memory": f"{resident_mib(own).median():.0f} MiB",
        }
    return wording.table(cells)
