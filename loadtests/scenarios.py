"""What is measured, which question each measurement answers, and in which order a full run makes them.

Teaches that a load needs a question. A scenario is data (`scenarios.toml`): one or several workloads, which differ only
in what the question is about. And how to repeat: a machine becomes faster or slower within an hour, so everything is
measured once before anything is measured again, and each repeat draws its own order of the transports. Pure.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from loadtests.plan.workload import START_STOP_S, Workload
from servers.transports import Reads, Transport

SAMPLES = 100
"""How many deliveries of a cell a full run keeps, unless more than its quantiles is shown."""

_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class Key(NamedTuple):
    """Which cell a row belongs to; the fields are the columns of `results.schema.KEY`."""

    scenario: str
    point: str
    transport: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One measurement that is to be made: a transport under one load of a scenario, for the repeat-th time from 0.

    up_to_limit: whether the scenario looks for a limit. smaller_points: the scenario's smaller loads; once one of them
    was too much, this one need not be measured.
    """

    transport: Transport
    scenario: str
    workload: Workload
    repeat: int = 0
    up_to_limit: bool = False
    smaller_points: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self._key_at(self.workload.point)

    @property
    def smaller(self) -> tuple[Key, ...]:
        """The keys of the same measurement at the smaller loads."""
        return tuple(map(self._key_at, self.smaller_points))

    def label(self, name: str) -> str:
        """Return which measurement this is, given the transport's name or slug."""
        parts = [name, self.scenario, self.workload.point, f"repeat {self.repeat}" if self.repeat else ""]
        return ", ".join(filter(None, parts))

    @property
    def about_s(self) -> float:
        """How long it takes, about: starting, ramp, warm-up, window, a poller's last poll, stopping."""
        load = self.workload
        last_poll_s = load.longest_poll_s if self.transport.reads is Reads.POLL else 0.0
        return START_STOP_S + load.users / load.joins_per_s + load.load_s + last_poll_s

    def _key_at(self, point: str) -> Key:
        return Key(self.scenario, point, self.transport.slug, self.repeat)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question, and the loads that answer it.

    transports: slugs; empty means all. leaves_out: a transport that a reader may expect, and why it is missing.
    repeats: of a full run. up_to_limit: the loads grow, until a limit is reached.
    samples: how many deliveries of a cell a full run keeps, drawn by its seed. preview: too short to be a measurement.
    fixed: the fields of its loads that its question is about. is_optional: measured only by name, since it needs more
    than the others do, or answers another kind of question.
    """

    name: str
    question: str
    workloads: tuple[Workload, ...]
    transports: Sequence[str] = ()
    leaves_out: str = ""
    repeats: int = 3
    up_to_limit: bool = False
    samples: int = SAMPLES
    preview: bool = False
    fixed: frozenset[str] = frozenset()
    is_optional: bool = False

    @property
    def links(self) -> Sequence[str]:
        """The links of its loads, each once."""
        return tuple(dict.fromkeys(load.link for load in self.workloads))

    def planned(self, transports: Sequence[Transport], repeat: int = 0) -> tuple[Planned, ...]:
        """Return the measurements of one repeat: each load on every transport that is asked about, in turn."""
        points = tuple(load.point for load in self.workloads)
        return tuple(
            Planned(row, self.name, load.seeded(repeat), repeat, self.up_to_limit, points[:index])
            for index, load in enumerate(self.workloads)
            for row in transports
            if not self.transports or row.slug in self.transports
        )


def _scenario(row: Mapping[str, Any]) -> Scenario:
    loads = tuple(Workload(**load) for load in row["workloads"])
    return Scenario(**{**row, "workloads": loads, "fixed": frozenset(row.get("fixed", ()))})


SCENARIOS = tuple(map(_scenario, _LISTED["scenario"]))
CONVERSATION, *_ = SCENARIOS
PREVIEW = _scenario(_LISTED["preview"])
"""What `--quick` runs in place of a scenario: all transports in less than a minute."""


def experiment(name: str, quick: bool = False) -> Scenario:
    """Return the load of an experiment, or its small one."""
    row = _LISTED["experiment"][name]
    return _scenario({"name": name, "question": row["question"], **row["quick" if quick else "full"]})


def find(name: str) -> Scenario:
    """Return the scenario of that name; raises ValueError with the names that there are."""
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise ValueError(f"scenario: expected one of {', '.join(row.name for row in SCENARIOS)}, got {name!r}")


def full_plan(scenarios: Sequence[Scenario], transports: Sequence[Transport]) -> tuple[Planned, ...]:
    """Return all measurements in their order; a repeat has its own seed, the same for every transport."""
    return tuple(
        planned
        for repeat in range(max(scenario.repeats for scenario in scenarios))
        for scenario in scenarios
        if repeat < scenario.repeats
        for planned in scenario.planned(shuffled(transports, f"{scenario.name} {repeat}"), repeat)
    )


def shuffled(transports: Sequence[Transport], seed: str) -> tuple[Transport, ...]:
    """Return the transports in the order that a seed draws."""
    return tuple(Random(f"order {seed}").sample(transports, len(transports)))


def still_due(plan: Sequence[Planned], done: Mapping[Key, str]) -> list[Planned]:
    """Return what is neither measured nor pointless: once a smaller load was too much, a larger one teaches nothing.

    done: what has been measured, and which limit it met, if any (`results.schema`, column limit).
    """
    return [planned for planned in plan if planned.key not in done and not any(map(done.get, planned.smaller))]
