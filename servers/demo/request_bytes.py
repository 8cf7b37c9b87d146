"""What a request of a poll sends over each link, from committed cells: the demo's lanes use plain HTTP/1.1."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parents[2] / "results"
RUNS = (RESULTS / "reference", RESULTS / "link_interim" / "link")


def request_bytes(run: Path) -> dict[str, float]:
    """Return about how many bytes a request of short polling sends, by link: the median of repeats not void on any."""
    with (run / "cells.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["scenario"] == "link" and row["transport"] == "short_polling"
        ]
    void = {row["repeat"] for row in rows if row["verdict"] == "void"}
    found = defaultdict(list)
    for row in rows:
        if row["repeat"] not in void:
            requests = sum(int(row[f"requests_{part}"]) for part in ("send", "receive", "upkeep"))
            found[row["link"]].append(float(row["client_up_bytes"]) / requests)
    return {link: round(median(each), -1) for link, each in found.items()}
