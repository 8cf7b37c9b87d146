"""What a transport costs by cause: the counts of a run as rates per event, per delivery and per second of presence.

Teaches that every count has few causes: somebody says something, somebody is told it, somebody is there. A run that
varies these three (`LOADS`) gives one equation each, and least squares their rates; none can be below nothing. Memory
has two causes: the process, and each user who is there. Leaves out what a crowd shares: requests that answer for
several events at once, events that are stored together. So a poller's rates hold only near the loads that they come
from, and CPU in a crowd is less than they say.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path

from results.schema import CELLS_FILE
from servers import transports

LOADS = ("idle", "conversation", "busy", "large_room")
COUNTS: Mapping[str, tuple[str, ...]] = {
    "requests": ("requests_send", "requests_receive", "requests_upkeep"),
    "cpu_s": ("api_cpu_s",),
    "down_bytes": ("server_down_bytes",),
    "publish_bytes": ("publish_bytes",),
}

Vector = tuple[float, ...]
Causes = tuple[float, float, float]
"""Events, deliveries and user-seconds of a load."""

Load = Sequence[Mapping[str, str]]
"""The cells of one load, a row for each repeat."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much one event, one delivery and one second of one user's presence add to a count.

    off: by which share it misses the worst of the loads it was taken from.
    """

    event: float
    delivery: float
    user_s: float
    off: float = 0.0

    def of(self, causes: Causes) -> float:
        """Return the count that these causes bring about."""
        return self.event * causes[0] + self.delivery * causes[1] + self.user_s * causes[2]


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one transport's API server, and its resident memory: of the process, and of each user there.

    crowd: the most users at once that the run measured; what is said of more is reckoned, not seen.
    """

    slug: str
    requests: Rate
    cpu_s: Rate
    down_bytes: Rate
    publish_bytes: Rate
    process_bytes: float
    user_bytes: float
    crowd: int


def rates(folder: Path, slug: str) -> Rates:
    """Read a run's cells and return a transport's rates; raises ValueError when the run lacks one of LOADS."""
    slug = transports.find(slug).slug
    with (folder / CELLS_FILE).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["transport"] == slug and row["verdict"] != "void"]
    loads = [[row for row in rows if row["scenario"] == name] for name in LOADS]
    if missing := [name for name, load in zip(LOADS, loads, strict=True) if not load]:
        raise ValueError(
            f"{folder} has no valid cell of {slug} in {', '.join(missing)}; `make compare ARGS=--full` measures all"
        )
    causes = [_causes(load) for load in loads]
    counts = {name: [_total(load, columns) for load in loads] for name, columns in COUNTS.items()}
    if untold := [name for name, found in counts.items() if not all(map(isfinite, found))]:
        raise ValueError(f"{folder}: the server of {slug} did not count {', '.join(untold)}, so it cannot be priced")
    process_bytes, user_bytes = _memory(*loads[:2])
    found = {name: fitted(causes, totals) for name, totals in counts.items()}
    return Rates(slug, **found, process_bytes=process_bytes, user_bytes=user_bytes, crowd=max(map(_users, rows)))


def _memory(crowd: Load, few: Load) -> tuple[float, float]:
    """Return the resident memory of a process without users, and of each user, from a large and a small load."""
    users, resident = ([_mean(load, column) for load in (crowd, few)] for column in ("users", "api_rss_bytes"))
    if users[0] <= users[1]:
        raise ValueError(f"rates: expected more users in {LOADS[0]} than in {LOADS[1]}, got {users[0]:g}, {users[1]:g}")
    each = max(0.0, (resident[0] - resident[1]) / (users[0] - users[1]))
    return resident[1] - each * users[1], each


def _users(row: Mapping[str, str]) -> int:
    return int(row["users"])


def fitted(causes: Sequence[Causes], counts: Sequence[float]) -> Rate:
    """Return the non-negative rates whose relative errors have the least sum of squares.

    With three causes every set of those that count at all can be tried: no better method is needed.
    """
    weighted = [tuple(each / (count or 1.0) for each in row) for row, count in zip(causes, counts, strict=True)]
    wanted = [1.0 if count else 0.0 for count in counts]
    best, least = (0.0, 0.0, 0.0), sum(each * each for each in wanted)
    for size in (1, 2, 3):
        for chosen in combinations(range(3), size):
            solved = _least_squares([tuple(row[index] for index in chosen) for row in weighted], wanted)
            if solved is None or min(solved) < 0:
                continue
            trial = _placed(chosen, solved)
            error = sum(each * each for each in _errors(trial, weighted, wanted))
            if error < least:
                best, least = trial, error
    return Rate(*best, off=max(abs(each) for each in _errors(best, weighted, wanted)))


def _placed(chosen: Sequence[int], solved: Vector) -> Causes:
    by_index = dict(zip(chosen, solved, strict=True))
    return by_index.get(0, 0.0), by_index.get(1, 0.0), by_index.get(2, 0.0)


def _errors(rates: Causes, rows: Sequence[Vector], wanted: Vector | Sequence[float]) -> list[float]:
    return [
        sum(rate * each for rate, each in zip(rates, row, strict=True)) - count
        for row, count in zip(rows, wanted, strict=True)
    ]


def _least_squares(rows: Sequence[Vector], wanted: Sequence[float]) -> Vector | None:
    """Solve the normal equations by elimination; None if they leave the rates open."""
    size = len(rows[0])
    table = [
        [sum(row[i] * row[j] for row in rows) for j in range(size)]
        + [sum(row[i] * count for row, count in zip(rows, wanted, strict=True))]
        for i in range(size)
    ]
    for i in range(size):
        pivot = max(range(i, size), key=lambda line: abs(table[line][i]))
        table[i], table[pivot] = table[pivot], table[i]
        if not table[i][i]:
            return None
        for line in range(size):
            if line != i:
                factor = table[line][i] / table[i][i]
                table[line] = [own - factor * other for own, other in zip(table[line], table[i], strict=True)]
    return tuple(table[i][size] / table[i][i] for i in range(size))


def _causes(load: Load) -> Causes:
    user_s = sum(float(row["users"]) * float(row["measured_s"]) for row in load)
    return _total(load, ("events",)), _total(load, ("delivered",)), user_s


def _total(load: Load, columns: Sequence[str]) -> float:
    return sum(float(row[column]) for row in load for column in columns)


def _mean(load: Load, column: str) -> float:
    return _total(load, (column,)) / len(load)
