"""What the drills found, from `drills.json` (`python -m tests.drills`): losses, faults, and growth during a soak.

The figures of a drill that was not run, or not to its end, are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.records import read, table
from notebooks.analysis.runs import in_registry_order
from results.schema import DRILLS, DRILLS_FILE, SAMPLES_MIN, VICTIMS
from servers.transports import find

LOSSES = ["lost", "duplicates", "out_of_order"]
MINUTE_S, MB = 60.0, 1e6
QUARTERS = 4
MEMORY, DESCRIPTORS, P99 = "memory_bytes", "descriptors", "quarter_p99_s"
GROWTH_MAX = {MEMORY: 1.02, DESCRIPTORS: 1.02, P99: 1.2}
"""By which factor each figure may grow in a soak; memory also while a listener is fuzzed, in the second half."""


@dataclass(frozen=True, slots=True)
class Drills:
    """tables: those of `results.schema.DRILLS`, each empty if there is none. session: the rows of the longest soak."""

    tables: Mapping[str, pd.DataFrame]
    session: pd.DataFrame

    @property
    def evidence(self) -> str:
        """Return which commits were tested, and when."""
        rows = pd.concat([found[["commit", "at"]] for found in self.tables.values()])
        commits = ", ".join(sorted({commit[:7] for commit in rows["commit"]}))
        return f"Commits {commits}; {rows['at'].min():.10} to {rows['at'].max():.10}"

    @property
    def losses(self) -> int:
        """Return how many deliveries were lost, doubled or out of order."""
        return sum(int(rows[LOSSES].to_numpy().sum()) for name, rows in self.tables.items() if name != "fuzz")

    @property
    def failures(self) -> int:
        """Return how many inputs got status 500 or no response, and how many tracebacks there were in all."""
        return int(self.tables["fuzz"]["failed"].sum() + sum(rows["tracebacks"].sum() for rows in self.tables.values()))

    def rows(self) -> dict[str, dict[str, str]]:
        """Return a row of the table for each drill that was run."""
        soaked = in_registry_order(self.session["transport"])
        found = {
            **{f"Killed on {store}": _kills(rows) for store, rows in self.tables["kills"].groupby("store", sort=False)},
            **{f"Fuzzed: {name}": _fuzz(rows) for name, rows in self.tables["fuzz"].groupby("listener", sort=False)},
            **{f"Soaked: {find(slug).label}": self._soak(slug) for slug in soaked},
            **{f"Fault: {fault}": _faults(rows) for fault, rows in self.tables["faults"].groupby("fault", sort=False)},
        }
        return {name: {"extent": extent, "outcome": outcome} for name, (extent, outcome) in found.items()}

    def quarters(self, slug: str, figure: str) -> "pd.Series[float]":
        """Return a figure of the soak for each quarter: its mean, or for P99 its last value."""
        by_quarter = self.session[self.session["transport"] == slug].groupby("quarter")[figure]
        return by_quarter.last() if figure == P99 else by_quarter.mean()

    def growth(self, slug: str, figure: str) -> float:
        """Return a figure's last quarter divided by its second one, or for P99 by its first; nan before the last."""
        quarters = list(self.quarters(slug, figure))
        return quarters[-1] / quarters[0 if figure == P99 else 1] if len(quarters) == QUARTERS else np.nan

    def excesses(self) -> list[str]:
        """Return what grew beyond GROWTH_MAX, or by an unknown factor, and which listeners refused most inputs."""
        found = {
            f"soak: growth of {figure}, {slug}": self.growth(slug, figure) / GROWTH_MAX[figure]
            for figure in GROWTH_MAX
            for slug in in_registry_order(self.tables["soak"]["transport"])
        }
        for row in self.tables["fuzz"].to_dict("records"):
            growth = row["memory_end_bytes"] / row["memory_half_bytes"]
            found[f"fuzz: growth of {MEMORY}, {row['listener']}, part {row['part']}"] = growth / GROWTH_MAX[MEMORY]
            found[f"fuzz: refusals, {row['listener']}, part {row['part']}"] = row["refused"] / max(1, row["passed"])
        return [name for name, ratio in found.items() if not ratio <= 1]

    def _soak(self, slug: str) -> tuple[str, str]:
        rows = self.session[self.session["transport"] == slug]
        growth = [self.growth(slug, figure) - 1 for figure in (MEMORY, DESCRIPTORS, P99)]
        memory, descriptors, p99_growth = ("unknown" if np.isnan(value) else f"{value:+.1%}" for value in growth)
        minutes = (rows["at_s"].max() - rows["at_s"].min()) / MINUTE_S
        extent = f"{minutes:.0f} minutes, {rows['messages'].max():,} messages"
        held_mb = self.quarters(slug, MEMORY).iloc[-1] / MB
        late_ms = 1000 * self.quarters(slug, P99).iloc[-1]
        losses = _losses(self.tables["soak"][self.tables["soak"]["transport"] == slug])
        outcome = f"{losses}; memory {held_mb:.0f} MB ({memory}), descriptors {descriptors}"
        if rows["messages"].max() < QUARTERS * SAMPLES_MIN[99]:  # a quarter may have too few deliveries for a p99
            return extent, outcome
        return extent, f"{outcome}, p99 {wording.duration(late_ms)} ({p99_growth})"


def load_drills(folder: Path) -> Drills:
    """Read the record; raise BrokenRun when it, or a column, is not there."""
    path = folder / DRILLS_FILE
    record: Mapping[str, list[Mapping[str, object]]] = read(path)
    found = {}
    for name, columns in DRILLS.items():
        rows = record[name]
        found[name] = table(path, rows, columns) if rows else pd.DataFrame(columns=[column.name for column in columns])
    soak = found["soak"]
    whole = soak[soak["session"].isin(soak.loc[soak["quarter"] == QUARTERS - 1, "session"])]
    sessions = (whole if len(whole) else soak).groupby("session")["at_s"].agg(lambda at_s: at_s.max() - at_s.min())
    longest = sessions[::-1].idxmax() if len(sessions) else ""  # of two that are as long, the later one
    return Drills(found, session=soak[soak["session"] == longest])


def _kills(rows: pd.DataFrame) -> tuple[str, str]:
    killed = {column.name.removeprefix("killed_"): rows[column.name].sum() for column in VICTIMS}
    victims = ", ".join(f"{count:,} of the {victim.replace('_', ' ')}" for victim, count in killed.items() if count)
    return f"{rows['kills'].sum():,} kills ({victims}), {rows['messages'].sum():,} messages", _losses(rows)


def _fuzz(rows: pd.DataFrame) -> tuple[str, str]:
    sent = rows["passed"] + rows["refused"] + rows["failed"]
    growth = (rows["memory_end_bytes"] / rows["memory_half_bytes"]).max() - 1
    outcome = f"{rows['failed'].sum()} failed, {rows['tracebacks'].sum()} tracebacks, memory {growth:+.1%}"
    return f"{sent.sum():,} inputs, {rows['passed'].sum() / sent.sum():.0%} accepted", outcome


def _faults(rows: pd.DataFrame) -> tuple[str, str]:
    return f"{wording.counted(len(rows), 'fault')}, {rows['messages'].sum():,} messages", _losses(rows)


def _losses(rows: pd.DataFrame) -> str:
    lost, duplicates, out_of_order = (rows[name].sum() for name in LOSSES)
    return f"{lost} lost, {duplicates} duplicated, {out_of_order} out of order"
