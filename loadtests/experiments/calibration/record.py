"""The load generator's own error, and calibrations on record: `results/calibration-<link>.json`.

Teaches which part of a latency is the instrument's: everything beyond the time for which the stub held the message.
This includes loopback and the stub's own reading, so it is an upper bound.
"""

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from loadtests.accounts.deliveries import Delivery
from loadtests.accounts.verdict import Status, percentile
from loadtests.experiments.calibration.stub_room import StubLog, delay_ms
from loadtests.harness import manifest
from loadtests.plan.workload import PLAIN
from results.schema import CALIBRATIONS

COMMAND = ".venv/bin/python -m loadtests calibrate"
NONE_ON_RECORD = (
    f"No calibration of this machine is on record, so the load generator's own error is not known: {COMMAND}"
)
SAME_MACHINE = ("name", "cpu", "cores")


@dataclass(frozen=True, slots=True)
class ErrorQuantiles:
    """The error of n deliveries, in ms: half of them had more than p50, one in a hundred more than p99."""

    n: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """The error under one load. by_delay: for each of the stub's delays. verdict: of the measurement itself."""

    transport: str
    users: int
    verdict: str
    overall: ErrorQuantiles
    by_delay: Mapping[str, ErrorQuantiles]


def errors_ms(deliveries: Iterable[Delivery], log: StubLog, delays_ms: Sequence[float]) -> dict[float, list[float]]:
    """Return the error of each delivery, by its room's delay; raises KeyError for one that the stub did not make."""
    arrived_s = {(room, seq): moment_s for room, seq, moment_s in log.arrived}
    handed_out_s = {(room, seq, user): moment_s for room, seq, user, moment_s in log.handed_out}
    errors: dict[float, list[float]] = {delay: [] for delay in sorted(delays_ms)}
    for row in deliveries:
        held_s = handed_out_s[row.room, row.seq, row.recipient] - arrived_s[row.room, row.seq]
        errors[delay_ms(row.room, delays_ms)].append(1000 * (row.received_s - row.intended_s - held_s))
    return errors


def error_of(errors: Sequence[float]) -> ErrorQuantiles:
    """Return the quantiles of the errors of some deliveries; nan without any."""
    return ErrorQuantiles(len(errors), percentile(errors, 50), percentile(errors, 99))


def row_of(transport: str, users: int, verdict: str, errors: Mapping[float, Sequence[float]]) -> CalibrationRow:
    """Return the quantiles of one load, for all delays together and for each delay."""
    by_delay = {f"{delay:g}": error_of(of_delay) for delay, of_delay in errors.items() if of_delay}
    overall = error_of([error for of_delay in errors.values() for error in of_delay])
    return CalibrationRow(transport, users, verdict, overall, by_delay)


def sentence(rows: Sequence[CalibrationRow]) -> str:
    """State which differences are too small to be claimed: below the worst error of all rows, rounded up to 0.1 ms."""
    p50_ms = ceil(10 * max(row.overall.p50_ms for row in rows)) / 10
    p99_ms = ceil(10 * max(row.overall.p99_ms for row in rows)) / 10
    return f"differences below {p50_ms:g} ms at p50 and {p99_ms:g} ms at p99 are not claimed"


def users_held(rows: Sequence[CalibrationRow]) -> dict[str, int]:
    """Return for each transport the largest number of users that was tried and with which the generator kept up."""
    held = dict.fromkeys((row.transport for row in rows), 0)
    for row in rows:
        if row.verdict == Status.VALID:
            held[row.transport] = max(held[row.transport], row.users)
    return held


def rows_of(calibration: Mapping[str, Any]) -> list[CalibrationRow]:
    """Return the rows of a calibration on record."""
    return msgspec.convert(calibration["rows"], list[CalibrationRow])


def on_record(folder: Path, link: str = PLAIN) -> str:
    """Return the conclusion of this machine's newest whole calibration over a link, or that there is none."""
    machine = this_machine()
    for path in sorted(folder.glob(CALIBRATIONS), reverse=True):
        calibration = json.loads(path.read_text(encoding="utf-8"))
        is_whole = calibration["load"].get("link", PLAIN) == link and not calibration.get("partial")
        if is_whole and all(calibration["machine"][name] == machine[name] for name in SAME_MACHINE):
            over = "" if link == PLAIN else f" over {link}"
            return f"The load generator's own error{over}: {sentence(rows_of(calibration))} ({path.name})."
    return NONE_ON_RECORD if link == PLAIN else f"{NONE_ON_RECORD} --link {link}"


def this_machine() -> dict[str, Any]:
    return {"name": platform.node(), **manifest.machine()}
