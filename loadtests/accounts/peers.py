"""Which cells were measured while the machine was slower than for their peers, the other cells of the scenario. Pure.

Teaches to repeat by a rule that does not look at the results: only the time of a fixed piece of work decides
(`loadtests.harness.measurement`), never what was measured.
"""

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean, median

from loadtests.scenarios import Key

SLOWER = 1.2
"""By what factor a cell's work may take longer than the median of its peers."""

PEERS_MIN = 3
SIDES = ("servers", "generator")
WORK = tuple(f"{side}_work_{when}_s" for side in SIDES for when in ("before", "after"))
"""The columns that hold the times: on either core, before and after the window."""


def slow_cells(cells: Mapping[Key, Mapping[str, float]]) -> dict[Key, float]:
    """Return the cells whose work took longer than SLOWER allows, on either core, and by which factor."""
    by_scenario: defaultdict[str, dict[Key, list[float]]] = defaultdict(dict)
    for key, figures in cells.items():
        by_scenario[key.scenario][key] = [
            fmean(figures[f"{side}_work_{when}_s"] for when in ("before", "after")) for side in SIDES
        ]
    return {
        key: factor
        for peers in by_scenario.values()
        if len(peers) >= PEERS_MIN
        for key, factor in _factors(peers).items()
        if factor > SLOWER
    }


def _factors(peers: Mapping[Key, list[float]]) -> dict[Key, float]:
    usual_s = [median(times_s) for times_s in zip(*peers.values(), strict=True)]
    return {
        key: max(own / usual for own, usual in zip(times_s, usual_s, strict=True)) for key, times_s in peers.items()
    }


def doubt(factor: float) -> str:
    """Return why a slow cell is suspect."""
    return f"the machine was {factor - 1:.0%} slower than for the other cells of the scenario"
