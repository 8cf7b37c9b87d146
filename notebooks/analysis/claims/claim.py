"""A claim of the source document, and what it takes to judge it.

A claim names the experiment; its test turns the measured run into a figure and a verdict. No result is written down
here: another run gives other figures, and may give another verdict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.comparisons import latency_ms, paid, still_true
from notebooks.analysis.deployments import reports
from notebooks.analysis.intervals import Interval
from notebooks.analysis.prices import Measure
from notebooks.analysis.runs import Run, load
from notebooks.analysis.serverless import Hosted, load_hosted
from notebooks.analysis.shared_store import SharedStore, load_shared_store
from notebooks.analysis.wire.captures import Capture, captures, pusher_js
from notebooks.analysis.wire.parser import WireMessage, wire_messages
from results.costs.deployments import Measured, measured_in
from results.costs.plans import Prices, load_prices
from results.schema import CAPTURES_FILE

CONTRADICTED = "This run contradicts it."
ONE_SIDED = "In this run no exception showed."
NOT_REFUTED = "In this run nothing spoke against it."
INSTANT_MS = 100.0
"""What people perceive as instant: Nielsen, Usability Engineering, 1993, section 5.5."""


class Verdict(StrEnum):
    HOLDS = "holds"
    HOLDS_WHEN = "holds when"
    NO_LONGER = "no longer holds"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test found. figure: measured, with its interval; empty if nothing was. because: in one sentence."""

    verdict: Verdict
    figure: str
    because: str


@dataclass(frozen=True)
class Evidence:
    """What claims are tested on: a run of all scenarios, and the records in its folder, each read once."""

    folder: Path

    def run(self, scenario: str, point: str = "") -> Run:
        return load(self.folder, scenario, point)

    @cached_property
    def captures(self) -> dict[str, Capture]:
        return captures(self.folder / CAPTURES_FILE)

    def messages(self, slug: str) -> list[WireMessage]:
        """Return all messages on a transport's wire while two people talked."""
        return wire_messages(self.captures[slug])

    @cached_property
    def messages_of_pusher_js(self) -> list[WireMessage]:
        return wire_messages(pusher_js(self.folder / CAPTURES_FILE))

    @cached_property
    def parts(self) -> Mapping[str, Mapping[str, list[str]]]:
        """The programs, links and settings of each deployment."""
        return reports.parts(self.folder)

    @cached_property
    def outages(self) -> pd.DataFrame:
        """What failures cost, a row for each deployment, failure and repeat."""
        return reports.outages(self.folder)

    @cached_property
    def code(self) -> Mapping[str, Mapping[str, Any]]:
        """Lines and moving parts of the shortest chats, and what they returned when they ran."""
        return reports.code(self.folder)

    @cached_property
    def rates(self) -> Measured:
        return measured_in(self.folder)

    @cached_property
    def prices(self) -> Prices:
        return load_prices()

    @cached_property
    def shared_store(self) -> SharedStore:
        return load_shared_store(self.folder)

    @cached_property
    def hosted(self) -> Hosted:
        return load_hosted(self.folder)

    def latency_ms(
        self, scenario: str, slug: str, percent: int = 50, kind: str = "message", point: str = ""
    ) -> Interval:
        return latency_ms(self.run(scenario, point), slug, percent, kind)

    def paid(self, scenario: str, slug: str, measure: Measure) -> Interval:
        return paid(self.run(scenario), slug, measure)

    def true_percent(self, scenario: str, slug: str, kind: str) -> Interval:
        return still_true(self.run(scenario), slug, kind)


@dataclass(frozen=True, slots=True)
class Claim:
    """heading and quote: where it is in the source document, and its words, shortened. matters: one of the ten."""

    heading: str
    quote: str
    experiment: str
    test: Callable[[Evidence], Finding]
    matters: bool = False


def format_time(found: Interval) -> str:
    """Write a latency with its interval: 1.03 s (1.01 s to 1.05 s)."""
    return wording.with_limits(found, wording.duration)


def format_amount(found: Interval, unit: str) -> str:
    """Write a count or a ratio with its interval and unit: 0.34 (0.33 to 0.35) requests per delivery."""
    return f"{wording.with_limits(found, wording.amount)} {unit}"


def format_percent(found: Interval) -> str:
    """Write a share with its interval: 62 % (60 % to 63 %)."""
    return wording.with_limits(found, "{:.0f} %".format)


def holds_if(held: bool, figure: str, because: str) -> Finding:
    """Return that a claim holds, and why; or, if this run says otherwise, that it does not any more."""
    return Finding(Verdict.HOLDS, figure, because) if held else Finding(Verdict.NO_LONGER, figure, CONTRADICTED)


def holds_when(both: bool, figure: str, because: str) -> Finding:
    """Return when a claim holds, if this run shows both sides of it; if it shows one only, that it holds."""
    return Finding(Verdict.HOLDS_WHEN, figure, because) if both else Finding(Verdict.HOLDS, figure, ONE_SIDED)


def no_longer_if(refuted: bool, figure: str, because: str) -> Finding:
    """Return that a claim does not hold any more, and why; or, if this run does not show it, that it holds."""
    return Finding(Verdict.NO_LONGER, figure, because) if refuted else Finding(Verdict.HOLDS, figure, NOT_REFUTED)


def untestable(because: str, source: str) -> Callable[[Evidence], Finding]:
    """Return the test of a claim that nothing on one machine can decide. source: where to read about it."""
    return lambda _: Finding(Verdict.NOT_TESTABLE, "", f"{because} Source: {source}.")
