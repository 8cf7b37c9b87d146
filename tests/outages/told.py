"""What the drills found, as the table that the README of each option shows: the worst of all repeats."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.outages.outages import TABLE
from tests.outages.outcome import Outcome

DEPLOY = Path(__file__).parents[2] / "servers" / "deploy"
BEGINS, ENDS = "<!-- drills: made by `python -m tests.outages` -->", "<!-- drills end -->"
WORDS = {
    "push_server_killed": "who holds the lines is killed",
    "api_instances_killed": "every instance of the API is killed",
    "api_host_killed": "the host of the API is killed",
    "vendor_unreachable": "the vendor refuses connections for {outage_s:g} s",
    "vendor_hangs": "the vendor hangs for {outage_s:g} s",
    "new_version": "a new version is deployed",
}

Report = Mapping[str, Any]


def table(report: Report, option: str) -> str:
    """Return the table of an option, as Markdown."""
    lines = ["| what happens | all up to date after | what users see |", "|---|---|---|"]
    for failure, _ in TABLE:
        rows = [row for row in report["drills"] if (row["option"], row["drill"]) == (option, failure.__name__)]
        if rows:
            came_of_it = worst(rows)
            what = WORDS[failure.__name__].format(**report)
            after = "never" if came_of_it.lost else f"{came_of_it.up_to_date_s:.1f} s"
            lines.append(f"| {what} | {after} | {came_of_it.sees()} |")
    return "\n".join(lines)


def worst(rows: Sequence[Mapping[str, Any]]) -> Outcome:
    """Return of each figure the largest."""
    return Outcome(**{column.name: max(row[column.name] for row in rows) for column in fields(Outcome)})


def page(option: str) -> Path:
    """Return the path of an option's README."""
    return DEPLOY / option.replace("-", "_") / "README.md"


def with_table(text: str, report: Report, option: str) -> str:
    """Return an option's README with the table of this report in its place."""
    return re.sub(f"(?s){BEGINS}.*{ENDS}", lambda _: f"{BEGINS}\n{table(report, option)}\n{ENDS}", text)
