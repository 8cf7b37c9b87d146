"""How fast the machine is: a fixed piece of work, timed on each side's core before and after every measurement.

Teaches that the same code takes twice the time on a shared machine an hour later: without this figure beside each
cell, that looks like a difference between transports. The work is a short loop of Python, like most of what servers
and generator do; the clock is the wall's, which also sees another program on the core. Timed while both sides are idle.
"""

from statistics import median
from time import perf_counter

from loadtests.accounts.cell import Reading
from loadtests.harness.cores import Affinity, Cores, pinned

TURNS = 200_000  # 5 to 10 ms
PIECES = 3  # so that one interruption does not count


def work_s(cores: Cores, when: str) -> Reading:
    """Return what the work takes on either core, as columns of that moment, "before" or "after"; waits for 50 ms."""
    return {f"{side}_work_{when}_s": _timed_s(getattr(cores, side)) for side in ("servers", "generator")}


def _timed_s(cores: Affinity) -> float:
    with pinned(cores):
        return median(_piece_s() for _ in range(PIECES))


def _piece_s() -> float:
    begun_s, value = perf_counter(), 1
    for turn in range(TURNS):
        value = (31 * value + turn) & 0xFFFF
    return perf_counter() - begun_s
