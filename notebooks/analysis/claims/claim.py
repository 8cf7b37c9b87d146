"""A claim of the source document, and what it takes to judge it.

Its test turns the measured run into a figure, and its rule turns the figure into a verdict: no result is written down
here. A claim that is true because our own programs were written so is "by construction".
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, partial
from pathlib import Path
from typing import NamedTuple

from notebooks.analysis import wording
from notebooks.analysis.quantiles import Interval
from notebooks.analysis.runs import Run, load
from notebooks.analysis.serverless import Hosted, load_hosted
from results.costs.deployments import Measured, measured_in

CONTRADICTED = "This run contradicts it."
INSTANT_MS = 100.0
"""What people perceive as instant: Nielsen, Usability Engineering, 1993, section 5.5."""


class Verdict(StrEnum):
    HOLDS = "holds"
    HOLDS_WHEN = "holds when"
    NO_LONGER = "no longer holds"
    NEVER = "never held"
    BY_CONSTRUCTION = "by construction"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test found. figure: measured, with its interval; empty if nothing was measured. because: the reason.

    when: the condition, of the verdict "holds when".
    """

    verdict: Verdict
    figure: str
    because: str
    when: str = ""


@dataclass(frozen=True)
class Evidence:
    """What claims are tested on: the loads of a run of all scenarios, and the records beside it, each read once."""

    folder: Path

    @cached_property
    def _load(self) -> Callable[[str, str], Run]:
        return cache(partial(load, self.folder))

    def run(self, scenario: str, point: str = "") -> Run:
        return self._load(scenario, point)

    @cached_property
    def rates(self) -> Measured:
        return measured_in(self.folder)

    @cached_property
    def hosted(self) -> Hosted:
        return load_hosted(self.folder)


class Observed(NamedTuple):
    """What the test of a claim saw. shown: whether the run shows what the rule asks for; None if it contradicts both
    outcomes of the rule. figure: as in Finding.
    """

    shown: bool | None
    figure: str


RULES = {
    "holds_if": (Verdict.HOLDS, (Verdict.NO_LONGER, CONTRADICTED)),
    "holds_when": (Verdict.HOLDS_WHEN, (Verdict.HOLDS, "In this run no exception showed.")),
    "no_longer_if": (Verdict.NO_LONGER, (Verdict.HOLDS, "In this run nothing spoke against it.")),
    "never_if": (Verdict.NEVER, (Verdict.HOLDS, "In this run nothing spoke against it.")),
    "by_construction": (Verdict.BY_CONSTRUCTION, (Verdict.NO_LONGER, CONTRADICTED)),
    "on_a_model": (Verdict.NOT_TESTABLE, (Verdict.NO_LONGER, CONTRADICTED)),
}
"""By name: the verdict if the run shows what the rule asks for; and otherwise the verdict and its reason.

A model of somebody else's service can contradict a claim about that service, and cannot prove it: `on_a_model`.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of `claims.toml`. observe: what turns a run into a figure; None if nothing on one machine can decide it.

    heading and quote: where it is in the source document, and its words, shortened. matters: one of the ten in the
    README. when: as in Finding. known: how its figure is known: measured, counted, modelled, as built, or at first or
    second hand. figure: of a claim that holds by construction, in words; then there is nothing to observe.
    """

    heading: str
    quote: str
    because: str
    experiment: str = "none"
    matters: bool = False
    rule: str = ""
    figure: str = ""
    when: str = ""
    known: str = "measured"
    observe: Callable[[Evidence], Observed] | None = None

    def test(self, evidence: Evidence) -> Finding:
        """Return the verdict of a run; raises BrokenRun if the run, or a record beside it, is not there."""
        if self.observe is None:
            return Finding(Verdict.BY_CONSTRUCTION if self.figure else Verdict.NOT_TESTABLE, self.figure, self.because)
        shown, figure = self.observe(evidence)
        verdict, otherwise = RULES[self.rule if shown is not None else "holds_if"]
        if shown:
            return Finding(verdict, figure, self.because, self.when)
        return Finding(otherwise[0], figure, otherwise[1])


def format_time(found: Interval) -> str:
    """Write a latency with its interval: 1.03 s (1.01 s to 1.05 s)."""
    return wording.with_limits(found, wording.duration)


def format_percent(found: Interval) -> str:
    """Write a share with its interval: 62 % (60 % to 63 %)."""
    return wording.with_limits(found, "{:.0f} %".format)
