"""What the link, compression and better polling change: counts and bytes under the same load, side by side.

Reads the run that was chosen, or the reference if that one lacks the scenario. Leaves out latencies, except for a
poller's own waiting, which takes seconds, and CPU times, except for the ratio of two transports within a repeat.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import isnan

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.comparisons import SHORT, activity_per_s, cpu_ratio, latency_ms, paid
from notebooks.analysis.prices import BYTES, EMPTY, REQUESTS, by_repeat
from notebooks.analysis.runs import REFERENCE, ROOT, NothingValid, Run, chosen_folder, points
from results import theory

RAW, LONG, STREAM, PUSHER = "raw_websocket", "long_polling", "server_sent_events", "pusher_adapter"
CLIENTS_BYTES = replace(BYTES, push_service=())
Figure = Callable[[Run], float]


def points_of(scenario: str) -> dict[str, Run]:
    """Return every load of a scenario, by its point; raise NothingValid when there is none.

    Of each transport it has only the repeats that are valid at every point: each repeat has its own schedule.
    """
    try:
        runs = points(chosen_folder(), scenario)
    except NothingValid:
        runs = points(ROOT / REFERENCE, scenario)
    common = reduce(pd.merge, (run.cells[["transport", "repeat"]] for run in runs.values()))
    return {
        point: replace(run, **{table: getattr(run, table).merge(common) for table in ("cells", "deliveries", "kinds")})
        for point, run in runs.items()
    }


def ratio(run: Run, slug: str, column: str, per: str = "delivered") -> float:
    """Return a column divided by another, as the median over the repeats."""
    cells = run.cells_of(slug)
    return float((cells[column] / cells[per]).median())


def bytes_each(run: Run, slug: str) -> float:
    """Return the bytes on the wire of one delivery, both ways."""
    return paid(run, slug, BYTES).value


def beside(run: Run, base: Run, slug: str) -> float:
    """Return the clients' bytes of one delivery as a part of those in another run, as the median of the repeats."""
    own, other = (by_repeat(each, slug, CLIENTS_BYTES) for each in (run, base))
    return float((own / other).median())


def side_by_side(runs: Mapping[str, Run], figures: Mapping[str, Figure]) -> wording.Prose:
    """Return a table: a row for each figure, and a column for each load."""
    rows = {name: {point: _shown(figure(run)) for point, run in runs.items()} for name, figure in figures.items()}
    return wording.table(rows)


def by_transport(runs: Mapping[str, Run], figure: Callable[[Run, str], float]) -> wording.Prose:
    """Return a table: one figure of each transport, and a column for each load."""
    first, *_ = runs.values()
    rows = {first.label_of(slug): {at: _shown(figure(run, slug)) for at, run in runs.items()} for slug in first.slugs}
    return wording.table(rows)


def _shown(value: float) -> str:
    return "" if isnan(value) else wording.amount(value)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an earlier notebook says of HTTP/1.1 without TLS: its figure, and the limits within which it holds."""

    text: str
    figure: Figure
    unit: str
    least: float = 0.0
    most: float = float("inf")

    def holds(self, run: Run) -> bool:
        return self.least <= self.figure(run) <= self.most

    def on(self, run: Run) -> str:
        """Return whether it holds in a run, and the figure."""
        return f"{'holds' if self.holds(run) else '**does not hold**'}: {_shown(self.figure(run))} {self.unit}"


def _empties_beside_theory(run: Run) -> float:
    expected = theory.empty_share(activity_per_s(run), run.setting("poll_interval_s"))
    return abs(paid(run, SHORT, EMPTY).value - 100 * expected)


def _waits(run: Run, percent: int) -> float:
    """Return how long a polled message waits at that percentile, as a part of the interval."""
    return latency_ms(run, SHORT, percent).value / 1000 / run.setting("poll_interval_s")


def _beside_pushed(run: Run) -> float:
    pushed_ms = (latency_ms(run, slug, 50).value for slug in run.slugs if slug != SHORT)
    return latency_ms(run, SHORT, 50).value / max(pushed_ms)


def _cpu_beside_open(run: Run) -> float:
    """Return how many times as much CPU a delivery by request costs as one on an open connection, at the least."""
    return min(cpu_ratio(run, slug, than).low for slug in (LONG, PUSHER) for than in (RAW, STREAM))


def _users(run: Run) -> float:
    return float(run.cells["users"].max())


def _pauses(run: Run) -> list[theory.Pause]:
    interval_s, limit_s = run.setting("poll_interval_s"), run.setting("poll_limit_s")
    return theory.back_off_pauses(activity_per_s(run), interval_s, limit_s, 0.0)


SENTENCES = (
    Sentence("01: a request carries more than 600 bytes of headers",
        lambda run: ratio(run, SHORT, "up_bytes") / paid(run, SHORT, REQUESTS).value, "bytes up", least=600),
    Sentence("01: a message by polling takes half as many bytes again as one on an open connection, or more",
        lambda run: bytes_each(run, SHORT) / bytes_each(run, RAW), "times", least=1.5),
    Sentence("01, 02: who waits for a response needs a second connection to send; 07: so six tabs block a browser",
        lambda run: min(ratio(run, slug, "connections", "users") for slug in (LONG, STREAM)), "per user", least=1.5),
    Sentence("02: half of the polled messages wait for half the interval",
        lambda run: _waits(run, 50), "of it", 0.45, 0.55),
    Sentence("02: one polled message in twenty waits for nearly all of it",
        lambda run: _waits(run, 95), "of it", 0.9, 1),
    Sentence("03: a long poll takes about a request for each delivery",
        lambda run: paid(run, LONG, REQUESTS).value, "requests", 0.8, 1.3),
    Sentence("03: the share of empty polls is exp(-lambda T)",
        _empties_beside_theory, "points beside it", most=8),
    Sentence("03: a pushed message needs no request of its reader",
        lambda run: ratio(run, RAW, "requests_receive") + ratio(run, STREAM, "requests_receive"), "requests", most=0),
    Sentence("06: each message through Pusher costs one request of the API, and a publish",
        lambda run: ratio(run, PUSHER, "requests_send", "messages"), "requests", 1, 1),
    Sentence("07: a delivery by long polling or Pusher costs more CPU than on an open connection",
        _cpu_beside_open, "times at least", least=1),
    Sentence("07: a WebSocket user has two connections",
        lambda run: ratio(run, RAW, "connections", "users"), "each", 2, 2),
    Sentence("09: a polled message waits more than ten times as long as any pushed one",
        _beside_pushed, "times", least=10),
)  # fmt: skip

HANDSHAKES: Mapping[str, Figure] = {
    "bytes of a delivery": lambda run: bytes_each(run, SHORT),
    "full handshakes of a user": lambda run: ratio(run, SHORT, "tls_full_handshakes", "users"),
    "bytes of one": lambda run: float(run.cells["tls_full_bytes"].median()),
    "resumed handshakes of a user": lambda run: ratio(run, SHORT, "tls_resumed_handshakes", "users"),
    "bytes of one, resumed": lambda run: float(run.cells["tls_resumed_bytes"].median()),
}

POLLING: Mapping[str, Figure] = {
    "requests of a user a minute": lambda run: 60 * ratio(run, SHORT, "requests_receive", "measured_s") / _users(run),
    "the same by theory": lambda run: 60 * theory.back_off_requests_per_s(_pauses(run), 0.0),
    "bytes a delivery": lambda run: bytes_each(run, SHORT),
    "half of the messages within, s": lambda run: latency_ms(run, SHORT, 50).value / 1000,
    "the same by theory, s": lambda run: theory.back_off_wait_quantile_s(0.5, _pauses(run)),
    "most requests in 0.1 s": lambda run: float(run.cells["peak_requests"].max()),
}
