"""The knee of each transport: the most users that it serves before latency, servers or generator are too much.

Void cells count here, though their latency is not shown: they prove that a load was too much.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap, takewhile
from pathlib import Path

import pandas as pd

from notebooks.analysis.comparisons import latency_ms
from notebooks.analysis.figures.curves import Curve
from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import BrokenRun, Run, in_registry_order, label, load, manifest_of, table_of
from results.schema import CELLS, CELLS_FILE, SERVERS_CPU
from servers import transports

SCENARIO = "steps"
TOO_BUSY, GENERATOR, LOSSES = "servers", "generator", "losses"
SLOW_MACHINE = "the machine was "
"""How the reasons of `loadtests.accounts.verdict.slow_cells` begin: suspect, though nothing was too much."""

LAG = "the load generator"
LATE = ("fell behind", "the servers responded", "never acknowledged")
"""What the reasons of `loadtests.accounts` contain if the generator was too slow, and if the servers were."""


@dataclass(frozen=True, slots=True)
class Step:
    """One number of users. p95_ms, core: None where every repeat is void; core: share of a core that servers used.

    bottlenecks: of each repeat that had one; a generator that made a repeat suspect counts as well.
    """

    users: int
    p95_ms: Interval | None
    core: Interval | None
    bottlenecks: tuple[str, ...]
    repeats: int

    @property
    def outcome(self) -> str:
        """The most frequent bottleneck of the repeats; empty if none had one."""
        return Counter(self.bottlenecks).most_common(1)[0][0] if self.bottlenecks else ""

    @property
    def is_sustained(self) -> bool:
        """Whether most repeats had no bottleneck."""
        return 2 * len(self.bottlenecks) < self.repeats


@dataclass(frozen=True, slots=True)
class Knee:
    """The steps of one transport, by their number of users."""

    slug: str
    label: str
    steps: tuple[Step, ...]

    @property
    def most_users(self) -> int:
        """The users of the last step before the first that was too much; 0 if that is the first one."""
        return max((step.users for step in takewhile(lambda step: step.is_sustained, self.steps)), default=0)

    @property
    def bottleneck(self) -> str:
        """The most frequent bottleneck of the first step that was too much; empty if none was."""
        return next((step.outcome for step in self.steps if not step.is_sustained), "")

    @property
    def summary(self) -> str:
        """Return the limit in words: only what the measurement proves."""
        if not self.bottleneck:
            return f"at least {self.most_users:,} users: no limit reached"
        if self.bottleneck == GENERATOR:
            return f"at least {self.most_users:,} users, limited by {LAG}"
        return f"{self.most_users:,} users, limited by the {self.bottleneck}"


def knees(folder: Path) -> tuple[Knee, ...]:
    """Return the knee of each transport, in the registry's order; raise BrokenRun when the run has no steps."""
    cells = table_of(folder / CELLS_FILE, CELLS)
    cells = cells[cells["scenario"] == SCENARIO]
    if cells.empty:
        raise BrokenRun(f"{folder} has no {SCENARIO}; `make compare ARGS='--scenario {SCENARIO}'` measures them")
    manifest = manifest_of(folder)
    overloaded = manifest.get("overloaded", [])
    found = []
    for slug in in_registry_order(cells["transport"]):
        own = cells[cells["transport"] == slug]
        refused = Counter(point for scenario, point, each, _ in overloaded if (scenario, each) == (SCENARIO, slug))
        points = sorted({*own["point"], *refused}, key=_users)
        steps = tuple(_step(folder, own[own["point"] == point], point, refused[point]) for point in points)
        found.append(Knee(slug, label(manifest, slug), steps))
    return tuple(found)


def limit_curves(found: Sequence[Knee], figure_of: Callable[[Step], Interval | None]) -> list[Curve]:
    """Return a curve for each knee: one figure of its steps against the users, where it is known.

    A step is crossed where the servers were the bottleneck, or messages were lost; ringed where it was another.
    """
    made = []
    for knee in found:
        transport = transports.find(knee.slug)
        points = {step.users: figure for step in knee.steps if (figure := figure_of(step)) is not None}
        too_much = [step for step in knee.steps if not step.is_sustained]
        crossed = [step.users for step in too_much if step.outcome in (TOO_BUSY, LOSSES)]
        ringed = [step.users for step in too_much if step.outcome not in (TOO_BUSY, LOSSES)]
        xs, ys = list(points), list(points.values())
        made.append(Curve(transport.label, transport.colour, xs, ys, ringed=ringed, crossed=crossed))
    return made


def _step(folder: Path, cells: pd.DataFrame, point: str, refused: int) -> Step:
    """Return one step. cells: its repeats; refused: how many repeats found the servers too busy."""
    wrong = cells["lost"] + cells["duplicates"] + cells["out_of_order"]
    outcomes = zip(cells["limit"], cells["verdict"], cells["reason"], wrong, strict=True)
    found = [*starmap(_bottleneck, outcomes), *[TOO_BUSY] * refused]
    bottlenecks = tuple(filter(None, found))
    repeats = len(found)
    valid = cells[cells["verdict"] != "void"]
    if valid.empty:
        return Step(_users(point), None, None, bottlenecks, repeats)
    run = load(folder, SCENARIO, point)
    slug = str(valid["transport"].iloc[0])
    core = valid[list(SERVERS_CPU)].sum(axis="columns") / valid["readings_apart_s"]
    return Step(_users(point), latency_ms(run, slug, 95), interval(list(core)), bottlenecks, repeats)


def _bottleneck(limit: str, verdict: str, reason: str, wrong: int) -> str:
    """Return what was too much in one repeat; empty if nothing was. wrong: messages lost, doubled or out of order."""
    if limit or verdict == "valid" or reason.startswith(SLOW_MACHINE):
        return limit
    if LAG in reason:
        return GENERATOR
    if wrong:
        return LOSSES
    return TOO_BUSY if any(sign in reason for sign in LATE) else GENERATOR


def upkeep(idle: Run, fewer: Run, slug: str) -> dict[str, str]:
    """Return what one idle user costs the servers. fewer: a run with fewer users, to compare memory with."""
    cells, base = idle.cells_of(slug), fewer.cells_of(slug)
    cpu_us = 1e6 * cells[list(SERVERS_CPU)].sum(axis="columns") / (cells["users"] * cells["measured_s"])
    more = int(cells["users"].max() - base["users"].max())
    memory_kb = (_resident_bytes(cells) - _resident_bytes(base).median()) / more / 1000
    return {
        "CPU per user and second": f"{interval(list(cpu_us)).value:.0f} us",
        "memory of one more": f"{interval(list(memory_kb)).value:.0f} kB",
        "open connections": f"{(cells['connections'] / cells['users']).median():.1f} each",
    }


def _resident_bytes(cells: pd.DataFrame) -> "pd.Series[float]":
    return cells["api_rss_bytes"] + cells["push_service_rss_bytes"]


def _users(point: str) -> int:
    return int(point.split()[0])
