"""Whether a measurement may be believed: valid, suspect or void, and why.

Teaches that a load generator must measure itself, or its lag is charged to the server: a greenlet ticks on an absolute
10 ms grid, and how late the ticks come is the generator's health. A short window would measure cold connections, so
everybody sends once before it, and these first sends are reported apart. The rule for repeating a cell does not look at
its results. The machine was slow if a fixed piece of work (`loadtests.harness.measurement`) took longer than for the
cell's peers, the other cells of its scenario, or if the host of a virtual machine ran something else. Pure.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import isnan, nan
from statistics import fmean, median, quantiles
from typing import NamedTuple

from loadtests.accounts.rows import KINDS
from loadtests.accounts.samples import Samples
from loadtests.scenarios import Key
from servers.core.wire import Kind

SUSPECT_S, VOID_S = 0.005, 0.020
"""Lags of the generator at p99, in s. SUSPECT_S is the error of a generator that keeps up, as calibrated; a lag beyond
VOID_S adds more than most pushes take."""

BEHIND_S = 0.5
"""How late a sender may be, in s, before its load is no longer the schedule's."""


class Status(StrEnum):
    VALID = "valid"
    SUSPECT = "suspect"
    VOID = "void"


class Verdict(NamedTuple):
    """adds_up: whether all that was acknowledged came to everyone exactly once; reason: empty when valid."""

    status: Status
    reason: str = ""
    adds_up: bool = True


class Health(NamedTuple):
    """How late the generator was, 99th percentile, in seconds: its own ticks, and its sends (columns of cells.csv)."""

    heartbeat_lag_p99_s: float
    schedule_slip_p99_s: float


def judge(
    complaints: Sequence[str], doubts: Sequence[str], health: Health, mean_gap_s: float, stalls: bool = False
) -> Verdict:
    """Return the verdict on one cell.

    complaints: what does not add up, and so voids it; empty ones are ignored. doubts: what makes it suspect.

    A sender waits for its acknowledgement, so a slow server makes it late. This shows in the figures, since latency
    counts from the scheduled moment. But the load that arrives is then smoother than the schedule: beyond BEHIND_S the
    cell is suspect, unless a stall is what the load measures (`stalls`). A sender that is later than the mean gap
    between its messages, `mean_gap_s`, has another load than the scheduled one, which voids the cell.
    """
    lag_s, slip_s = health
    behind = f"sends fell behind their schedule, by {slip_s:.1f} s at p99"
    lag = f"the load generator lagged, by {1000 * lag_s:.1f} ms at p99"
    errors = list(filter(None, complaints))
    voids = _reasons(
        (slip_s > mean_gap_s, behind),
        (isnan(lag_s), "the load generator's own clock recorded nothing"),
        (lag_s > VOID_S, f"{lag} (limit {1000 * VOID_S:g} ms)"),
    )
    suspicions = _reasons(
        (BEHIND_S < slip_s <= mean_gap_s and not stalls, behind),
        (SUSPECT_S < lag_s <= VOID_S, f"{lag} (limit {1000 * SUSPECT_S:g} ms)"),
    )
    reason = "; ".join([*errors, *voids, *doubts, *suspicions])
    if errors or voids:
        return Verdict(Status.VOID, reason, adds_up=not errors)
    return Verdict(Status.SUSPECT, reason) if reason else Verdict(Status.VALID)


def _reasons(*cases: tuple[bool, str]) -> list[str]:
    """Return the reasons of the conditions that are true."""
    return [reason for is_true, reason in cases if is_true]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile from 1 to 99, interpolated as numpy does by default; nan when there are no values."""
    if len(values) < 2:
        return values[0] if values else nan
    return quantiles(values, n=100, method="inclusive")[percent - 1]


SLOWER = 1.2
"""By what factor a cell's work may take longer than the median of its peers, of which there must be PEERS_MIN."""

PEERS_MIN = 3
SIDES = ("servers", "generator")
WORK = tuple(f"{side}_work_{when}_s" for side in SIDES for when in ("before", "after"))
"""The columns with the seconds that the fixed work took: on either core, before and after the window."""

STOLEN_MAX = 0.01
"""For which share of a window a virtual machine's host may run something else: with more, it decides the p99."""

SPEED = (*WORK, "stolen_s", "measured_s")
"""The columns that tell whether the machine was slow for a cell."""


def slow_cells(cells: Mapping[Key, Mapping[str, float]]) -> dict[Key, str]:
    """Return the cells for which the machine was slow, by STOLEN_MAX or SLOWER, each with the reason."""
    by_scenario: defaultdict[str, dict[Key, list[float]]] = defaultdict(dict)
    for key, figures in cells.items():
        by_scenario[key.scenario][key] = [
            fmean(figures[f"{side}_work_{when}_s"] for when in ("before", "after")) for side in SIDES
        ]
    stolen = {key: figures["stolen_s"] / figures["measured_s"] for key, figures in cells.items()}
    slow = {
        key: f"the machine was slowed by its host: {share:.1%} of the window was stolen time"
        for key, share in stolen.items()
        if share > STOLEN_MAX
    }
    for peers in by_scenario.values():
        if len(peers) >= PEERS_MIN:
            slow |= {key: doubt(factor) for key, factor in _factors(peers).items() if factor > SLOWER}
    return slow


def _factors(peers: Mapping[Key, list[float]]) -> dict[Key, float]:
    """Return by which factor each cell's work took longer than the median of all, on the slower core."""
    usual_s = [median(times_s) for times_s in zip(*peers.values(), strict=True)]
    return {
        key: max(own / usual for own, usual in zip(times_s, usual_s, strict=True)) for key, times_s in peers.items()
    }


def doubt(factor: float) -> str:
    """Return why a slow cell is suspect."""
    return f"the machine was {factor - 1:.0%} slower than for the other cells of the scenario"


def first_sends(samples: Samples) -> dict[str, float]:
    """Return how many users sent before the window, and two median times to an acknowledgement, in s.

    One is of each user's first message, the other of the messages in the window; nan without any.
    """
    first_s: dict[int, float] = {}
    in_window_s: list[float] = []
    for row in samples.sent:
        if KINDS[row.kind] is not Kind.MESSAGE:
            continue
        if row.intended_s < samples.window.start_s:
            first_s.setdefault(row.sender, row.acked_s - row.sent_s)
        elif samples.window.contains(row.intended_s):
            in_window_s.append(row.acked_s - row.sent_s)
    return {
        "first_sends": len(first_s),
        "first_ack_p50_s": median(first_s.values()) if first_s else nan,
        "ack_p50_s": median(in_window_s) if in_window_s else nan,
    }


def cold_users(samples: Samples) -> list[str]:
    """Return a doubt if some users had not both sent and received when the window opened; else nothing."""
    start_s = samples.window.start_s
    sent = {row.sender for row in samples.sent if row.acked_s < start_s}
    received = {row.recipient for row in samples.received if row.received_s < start_s}
    cold = len(samples.user_ids.keys() - (sent & received))
    return [f"{cold} of {len(samples.user_ids)} users had not sent and received before the window"] if cold else []
