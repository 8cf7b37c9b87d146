"""The full run as a list: every scenario, load and transport, several times over, in an order that is fair to all.

Teaches how to repeat. A machine drifts over an hour, so a repeat of everything comes before the next one of anything,
and the order of the transports is drawn anew each time, so that none always follows the same other one. Pure.
"""

from collections.abc import Mapping, Sequence
from random import Random

from loadtests.scenarios import Key, Planned, Scenario
from servers.transports import Transport


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
