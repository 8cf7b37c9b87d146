"""The loads of a run that the inputs of the explorer can express, each with what was measured of each transport."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from results.costs.unit_costs import MEMORY, UNITS, spread

REQUESTS = ["requests_send", "requests_receive", "requests_upkeep"]
INPUTS = {"link", "users", "room_size", "rate_per_s", "poll_interval_s", "one_way_delay_s", "text_bytes"}
"""The fields of a workload that the page's inputs express; any field but these and those of NEUTRAL must be unset."""

NEUTRAL = {"scenario", "point", "measured_s", "warm_up_s", "joins_per_s", "seed", "keep_alive"}


def measured_loads(workloads: list[dict[str, Any]], cells: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the loads that the page's inputs can express, each once, with what was measured of each transport."""
    known: set[tuple[object, ...]] = set()
    for load in workloads:
        inputs = tuple(load.get(name) for name in sorted(INPUTS))
        if not is_shown(load) or inputs in known:
            continue
        link = load.get("link", "plain")
        own = cells[(cells[["scenario", "point", "link"]] == [load["scenario"], load["point"], link]).all(axis=1)]
        if own.empty:
            continue
        known.add(inputs)
        point = load["point"] or ("" if link == "plain" else link)
        yield {
            "name": f"{load['scenario']} {point}".replace("_", " ").strip(),
            "inputs": {
                "users": load["users"],
                "room": load["room_size"],
                "messages": float(f"{60 * load['rate_per_s']:.4g}"),
                "poll": load["poll_interval_s"],
                "delay": load["one_way_delay_s"],
                "text": load["text_bytes"],
                "link": link,
            },
            "measured": {str(slug): _figures(each) for slug, each in own.groupby("transport", sort=False)},
        }


def is_shown(load: Mapping[str, Any]) -> bool:
    """Return whether the page's inputs can express a load."""
    return load["keep_alive"] == 1 and not any(load[name] for name in load.keys() - INPUTS - NEUTRAL)


def _figures(cells: pd.DataFrame) -> dict[str, Any]:
    """Return what was measured of one load and transport, under the names of the page's figures."""
    user_h = cells["users"] * cells["measured_s"] / 3600
    asked = cells["requests_receive"]
    figures = {
        "p50": cells["latency_p50_s"],
        "p95": cells["latency_p95_s"],
        "requests": _sum(cells, REQUESTS) / user_h,
        "empty": cells["empty_answers"] / asked.where(asked > 0),
        "bytes": _sum(cells, UNITS["bytes"]) / user_h,
        "cores": _sum(cells, UNITS["cpu_s"]) / cells["measured_s"],
        "memory": _sum(cells, MEMORY),
    }
    spreads = {name: spread(values) for name, values in figures.items() if values.notna().all()}
    return {"repeats": len(cells), **spreads}


def _sum(cells: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Return the sum of some columns in each cell; nan where one was not counted."""
    return cells[columns].sum(axis=1, skipna=False)
