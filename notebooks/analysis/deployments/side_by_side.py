"""The three deployment options in tables: what there is to run, what a month costs, and all of it side by side."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.deployments.reports import NAMES, STORE, code, drills, parts
from results.costs.activity import Activity
from results.costs.deployments import DEPLOYMENTS, Measured, bills
from results.costs.plans import Prices

CHATS = {"WebSocket chat in Python": "raw WebSocket", "Pusher chat in Python": "Pusher"}
USERS = (10, 100, 1_000, 10_000)


def vendors(option: str, measured: Measured, prices: Prices) -> tuple[str, ...]:
    """Return who sends a bill, be it of nothing: the services that an option rents, without what is nobody's."""
    needs = DEPLOYMENTS[option](measured, Activity(1), prices.assumptions, "")
    return tuple(name for name in needs if name != "one-process")


def parts_table(folder: Path, measured: Measured, prices: Prices) -> wording.Prose:
    """Return for each option what there is to run, to connect, to configure and to pay."""
    rows = {}
    for option, found in parts(folder).items():
        own = [_told(role) for role in found["own"]]
        rows[NAMES[option]] = {
            "programs": ", ".join([*own, *(f"{_told(role)} (rented)" for role in found["rented"])]),
            "browsers reach": " and ".join(map(_told, found["browsers_reach"])),
            "who keeps lines to whom": ", ".join(map(_told, found["links"])) or "nobody",
            "settings to tell": str(len(found["settings"])),
            "vendors": ", ".join(name.title() for name in vendors(option, measured, prices)),
        }
    return wording.table(rows)


def code_table(folder: Path) -> wording.Prose:
    """Return what the shortest whole chats take."""
    found = code(folder)
    return _turned(
        {
            label: {
                "lines of code": str(found[name]["lines"]),
                "packages": str(len(found[name]["packages"])),
                "credentials": str(len(found[name]["credentials"])),
                "processes": str(found[name]["processes"]),
                "endpoints": str(found[name]["endpoints"]),
                "connections of who listens": str(found[name]["listener_connections"]),
                "of who has spoken, too": str(found[name]["sender_connections"]),
            }
            for name, label in CHATS.items()
        }
    )


def bill_table(measured: Measured, prices: Prices, activity: Activity, users: Sequence[int] = USERS) -> wording.Prose:
    """Return what a month costs by users: of private use, then of commercial."""
    rows = {}
    for use, commercial in (("private", False), ("commercial", True)):
        for option, bill in bills(activity, measured, prices, commercial=commercial).items():
            rows[f"{NAMES[option]}, {use}"] = {f"{count:,} users": _usd(bill(count).usd) for count in users}
    return wording.table(rows)


def usual_ms(folder: Path, option: str) -> float:
    """Return the median latency of a deployment as it stands, before anything fails, over all its drills."""
    found = drills(folder)
    return 1000 * float(found.loc[found["deployment"] == option, "baseline_s"].median())


def lost(drilled: pd.DataFrame) -> str:
    """Return how many deliveries were lost in some drills, of how many that were due."""
    never = int(drilled["lost"].sum())
    return f"{never} of {never + drilled['deliveries'].sum():,} deliveries lost"


def side_by_side(folder: Path, measured: Measured, prices: Prices, activity: Activity) -> wording.Prose:
    """Return a column for each option: its parts, its latency, its worst drill and its bill."""
    failed, rows = drills(folder), {}
    options = bills(activity, measured, prices)
    for option, found in parts(folder).items():
        of_it = failed[failed["deployment"] == option]
        rows[NAMES[option]] = {
            "programs": str(len(found["own"]) + len(found["rented"])),
            "links between them": str(len(found["links"])),
            "half seen within": f"{usual_ms(folder, option):.0f} ms",
            "when parts failed": lost(of_it),
            "longest silence": f"{of_it['silent_s'].max():.1f} s",
            **{f"a month of {count:,} users": _usd(options[option](count).usd) for count in USERS[1:]},
        }
    return _turned(rows)


def _turned(rows: Mapping[str, Mapping[str, str]]) -> wording.Prose:
    """Return a table whose columns are the rows that are given: few things of which much is told."""
    told = {what: {name: row[what] for name, row in rows.items()} for row in rows.values() for what in row}
    return wording.table(told)


def _told(role: str) -> str:
    """Write roles as people do, the store as what it is."""
    return role.replace(STORE, "database").replace("_", " ").replace("api", "API").replace("websocket", "WebSocket")


def _usd(usd: float) -> str:
    return f"${usd:,.0f}" if isfinite(usd) else "no plan suffices"
