"""What the link, compression and better polling change: counts and bytes under the same load, side by side.

Reads the run that was chosen if it has the scenario, or else `results/link_interim/`: short runs on a busy machine, of
which counts and bytes are exact. Leaves out latencies, other than a poller's own waiting, which takes seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.comparisons import SHORT, activity_per_s, latency_ms, paid
from notebooks.analysis.prices import BYTES, EMPTY, REQUESTS
from notebooks.analysis.runs import ROOT, Run, chosen_folder, loads, points
from results import theory
from servers import transports

INTERIM = ROOT / "results" / "link_interim"
RAW, LONG, STREAM = "raw_websocket", "long_polling", "server_sent_events"
TO_S = 1 / 1000


def points_of(scenario: str) -> dict[str, Run]:
    """Return every load of a scenario, by its point; raise BrokenRun when there is none.

    Of each transport only the repeats that are valid in all of them: another repeat has another load.
    """
    has = any(name == scenario for name, _ in loads(chosen_folder()))
    runs = points(chosen_folder() if has else INTERIM / scenario, scenario)
    indexed = {point: run.cells.set_index(["transport", "repeat"], drop=False) for point, run in runs.items()}
    common = reduce(pd.MultiIndex.intersection, (cells.index for cells in indexed.values()))
    return {point: replace(run, cells=indexed[point].loc[common].reset_index(drop=True)) for point, run in runs.items()}


def each(run: Run, slug: str, column: str, per: str = "delivered") -> float:
    """Return a column divided by another, as the median over the repeats."""
    cells = run.cells_of(slug)
    return float((cells[column] / cells[per]).median())


def beside(run: Run, base: Run, slug: str) -> float:
    """Return the bytes of one delivery as a part of those in another run, as the median of the repeats."""
    ours, theirs = (
        (cells["up_bytes"] + cells["down_bytes"]) / cells["delivered"]
        for cells in (of.cells_of(slug).set_index("repeat") for of in (run, base))
    )
    return float((ours / theirs).median())


def bytes_each(run: Run, slug: str) -> float:
    """Return the bytes on the wire of one delivery, both ways."""
    return paid(run, slug, BYTES).value


def request_bytes(run: Run, slug: str = SHORT) -> float:
    """Return the bytes that go up with each request."""
    return each(run, slug, "up_bytes") / paid(run, slug, REQUESTS).value


def by_link(runs: Mapping[str, Run], figure: Callable[[Run, str], float], text: str = "{:,.0f}") -> wording.Prose:
    """Return a table: of each transport one figure over each link."""
    first, *_ = runs.values()
    of = {slug: {point: text.format(figure(run, slug)) for point, run in runs.items()} for slug in first.slugs}
    return wording.table({first.label_of(slug): row for slug, row in of.items()})


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an earlier notebook says of HTTP/1.1 in the clear: the figure that it is about, and whether that is so."""

    notebook: str
    text: str
    figure: Callable[[Run], float]
    unit: str
    holds: Callable[[float], bool]

    def on(self, run: Run) -> str:
        """Return whether it holds in a run, and the figure."""
        found = self.figure(run)
        return f"{'holds' if self.holds(found) else '**does not hold**'}: {wording.amount(found)} {self.unit}"


def _empties_beside_theory(run: Run) -> float:
    expected = theory.empty_share(activity_per_s(run), run.setting("poll_interval_s"))
    return abs(paid(run, SHORT, EMPTY).value - 100 * expected)


SENTENCES = (
    Sentence(
        "01", "a request carries more than 600 bytes of headers", request_bytes, "bytes up", lambda found: found > 600
    ),
    Sentence(
        "01", "a message by polling takes half as many bytes again as one on an open connection, or more",
        lambda run: bytes_each(run, SHORT) / bytes_each(run, RAW), "times", lambda found: found >= 1.5,
    ),
    Sentence(
        "01", "an event stream takes more bytes for a message than a WebSocket",
        lambda run: bytes_each(run, STREAM) / bytes_each(run, RAW), "times", lambda found: found > 1,
    ),
    Sentence(
        "01", "who waits for a response needs a second connection to send",
        lambda run: min(each(run, slug, "connections", "users") for slug in (LONG, STREAM)), "per user",
        lambda found: found > 1.5,
    ),
    Sentence(
        "03", "a long poll takes about a request for each delivery",
        lambda run: paid(run, LONG, REQUESTS).value, "requests", lambda found: 0.8 < found < 1.3,
    ),
    Sentence(
        "03", "the share of empty polls is exp(-lambda T)", _empties_beside_theory, "points beside it",
        lambda found: found < 8,
    ),
    Sentence(
        "03", "a pushed message needs no request of its reader",
        lambda run: each(run, RAW, "requests_receive") + each(run, STREAM, "requests_receive"), "requests",
        lambda found: found == 0,
    ),
)  # fmt: skip


def sentences(runs: Mapping[str, Run]) -> wording.Prose:
    """Return the table of the sentences, and what each link makes of them."""
    rows = {f"{row.notebook}: {row.text}": {point: row.on(run) for point, run in runs.items()} for row in SENTENCES}
    return wording.table(rows)


def pauses(run: Run) -> list[theory.Pause]:
    """Return the pauses of a run's pollers as theory has them, at the rate that the run had."""
    interval_s, limit_s = run.setting("poll_interval_s"), run.setting("poll_limit_s")
    return theory.back_off_pauses(activity_per_s(run), interval_s, limit_s, 0.0)


def polling(runs: Mapping[str, Run]) -> wording.Prose:
    """Return a row for each way of polling: requests and waits beside theory, bytes, and the herd."""
    rows = {}
    for point, run in runs.items():
        cells, expected = run.cells, pauses(run)
        users_s = (cells["users"] * cells["measured_s"]).sum()
        rows[point] = {
            "requests a minute": f"{60 * cells['requests_receive'].sum() / users_s:.1f}",
            "by theory, a minute": f"{60 * theory.back_off_requests_per_s(expected, 0.0):.1f}",
            "bytes a minute": f"{60 * (cells['up_bytes'] + cells['down_bytes']).sum() / users_s:,.0f}",
            "half within, s": f"{latency_ms(run, SHORT, 50).value * TO_S:.2f}",
            "by theory, s": f"{theory.back_off_wait_quantile_s(0.5, expected):.2f}",
            "most requests in 0.1 s": f"{cells['peak_requests'].max():.0f}",
        }
    return wording.table(rows)


def handshakes(run: Run) -> dict[str, str]:
    """Return what the handshakes of a run's users carried, whole and resumed ones, and what a delivery took in all."""
    cells = run.cells_of(SHORT)
    row = {"bytes of a delivery": f"{bytes_each(run, SHORT):,.0f}"}
    for kind in ("full", "resumed"):
        count = cells[f"tls_{kind}_handshakes"].sum()
        row[f"{kind} handshakes per user"] = f"{count / cells['users'].sum():.1f}"
        row[f"bytes of one, {kind}"] = f"{cells[f'tls_{kind}_bytes'].median():,.0f}" if count else ""
    return row


def saved(runs: Mapping[str, Run], text: str, slug: str) -> float:
    """Return which part of a delivery's bytes compression saves."""
    return 1 - bytes_each(runs[f"{text}, compressed"], slug) / bytes_each(runs[text], slug)


def memory_kb(runs: Mapping[str, Run], text: str, slug: str) -> float:
    """Return how much more memory of the server each user takes with compression, in kB."""
    plain, packed = (runs[point].cells_of(slug) for point in (text, f"{text}, compressed"))
    more_bytes = float(packed["api_rss_bytes"].median() - plain["api_rss_bytes"].median())
    return more_bytes / float(packed["users"].max()) / 1000


def compression(runs: Mapping[str, Run], texts: tuple[str, ...]) -> wording.Prose:
    """Return a row for each transport and text: bytes of a delivery, plain and compressed, and the server's memory."""
    return wording.table(
        {
            f"{transports.find(slug).label}, {text}": {
                "bytes": f"{bytes_each(runs[text], slug):,.0f}",
                "compressed": f"{bytes_each(runs[f'{text}, compressed'], slug):,.0f}",
                "saved": f"{saved(runs, text, slug):.0%}",
                "memory of a user, kB more": f"{memory_kb(runs, text, slug):,.0f}",
            }
            for text in texts
            for slug in runs[text].slugs
        }
    )
