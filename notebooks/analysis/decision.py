"""When to choose which transport, and the figures that it rests on, as a table."""

from notebooks.analysis import wording
from notebooks.analysis.prices import BYTES, CPU, REQUESTS, Measure, price
from notebooks.analysis.resolution import medians_ms
from notebooks.analysis.runs import Run
from servers import transports


def table(run: Run) -> wording.Prose:
    """Return a row for each transport of a run: when to choose it, and the cost of a delivery."""
    rows = {
        run.label_of(slug): {
            "choose it when": transports.find(slug).choose_when,
            "half within": wording.duration(median_ms),
            "requests": _paid(run, slug, REQUESTS),
            "bytes": _paid(run, slug, BYTES),
            "CPU, \N{MICRO SIGN}s": _paid(run, slug, CPU),
        }
        for slug, median_ms in medians_ms(run).items()
    }
    return wording.table(rows)


def _paid(run: Run, slug: str, measure: Measure) -> str:
    found = price(run, slug, measure)
    return wording.amount(found.value) if found else "not counted"
