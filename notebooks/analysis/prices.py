"""What one delivered message costs: requests, empty responses, bytes and server CPU, and what theory predicts.

Each measure is a ratio of exact counts in `cells.csv`, taken within each repeat; the value is the median of the
repeats, as for every figure (see quantiles.py). The push service's share is part of the price, and shown apart.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from notebooks.analysis.quantiles import Interval, interval
from notebooks.analysis.runs import Run
from results.predictions import Prediction, remarks
from servers import transports

SILENT_LEASES = 4  # of silence, after which a push service's client reads if it sends no heartbeats


@dataclass(frozen=True, slots=True)
class Measure:
    """A ratio of columns: those of the API and of the push service, over a divisor, times `scale` to reach the unit.

    axis_end: where a chart's axis must end, so that 2 % looks like little; None lets the longest bar decide.
    predict: the property of a `Prediction` with the predicted value; empty for bytes and CPU, which theory leaves out.
    """

    title: str
    unit: str
    api: Sequence[str]
    push_service: Sequence[str] = ()
    divisor: str = "delivered"
    scale: float = 1.0
    axis_end: float | None = None
    predict: str = ""


_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MEASURES = tuple(Measure(**row) for row in _LISTED.values())
REQUESTS, EMPTY, BYTES, CPU = MEASURES


class Price(NamedTuple):
    """What a delivery costs over the repeats, in the unit of its measure.

    part: how much of it the push service spends, or a store's engine. predicted: None where theory predicts nothing.
    """

    total: Interval
    part: float
    predicted: float | None = None


def price(run: Run, slug: str, measure: Measure) -> Price | None:
    """Return a transport's price; None if a count is missing or the divisor is 0 (who is pushed to makes no reads)."""
    cells = run.cells_of(slug)
    if is_uncounted(run, slug, measure) or not cells[measure.divisor].sum():
        return None
    api, service = _sum(cells, measure.api), _sum(cells, measure.push_service)
    total = interval(list(by_repeat(run, slug, measure)))
    part = total.value * float(service.sum() / ((api + service).sum() or 1.0))
    predicted = getattr(predict(run, slug), measure.predict) if measure.predict else None
    return Price(total, part, None if predicted is None else predicted * measure.scale)


def predict(run: Run, slug: str) -> Prediction:
    """Return what theory predicts for a transport of a run, given the rate and the round trip that it really had."""
    cells = run.cells_of(slug)
    samples = run.deliveries_of(slug)
    lease_s = run.setting("lease_s")
    room_s = float((cells["users"] / cells["room_size"] * cells["measured_s"]).sum())
    return Prediction(
        transport=transports.find(slug),
        events_per_s=float(cells["events"].sum()) / room_s,
        deliveries_per_s=float(cells["messages"].sum()) / room_s,
        commands=float(cells["actions"].sum() / cells["delivered"].sum()),
        round_trip_s=float((samples["acked_s"] - samples["sent_s"]).median()),
        interval_s=run.setting("poll_interval_s"),
        hold_s=run.setting("hold_s"),
        lease_s=lease_s,
        silence_s=SILENT_LEASES * lease_s if run.workload.get("webhooks") else 0.0,
        limit_s=run.workload.get("poll_limit_s", 0.0),
    )


def remarks_on(run: Run, slug: str) -> list[str]:
    """Return the sentences about a transport's counts that theory does not predict, over all repeats."""
    cells = run.cells_of(slug)
    constants = {name: cells[name].max() for name in ("measured_s", "room_size")}  # equal in all repeats
    return list(remarks(predict(run, slug), {**cells.sum(numeric_only=True), **constants}, run.workload))


def is_uncounted(run: Run, slug: str, measure: Measure) -> bool:
    """Return whether a measure lacks a count, such as the CPU time of a store that we did not start."""
    return bool(run.cells_of(slug)[[*measure.api, *measure.push_service]].isna().to_numpy().any())


def by_repeat(run: Run, slug: str, measure: Measure) -> "pd.Series[float]":
    """Return the price in each repeat that has something to divide by, by the repeat's number."""
    cells = run.cells_of(slug).set_index("repeat")
    divisor = cells[measure.divisor]
    return (_sum(cells, (*measure.api, *measure.push_service)) / divisor)[divisor > 0] * measure.scale


def _sum(cells: pd.DataFrame, columns: Sequence[str]) -> "pd.Series[float]":
    return cells[list(columns)].astype("float64").sum(axis="columns")
