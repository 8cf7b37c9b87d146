"""Writes numbers, counts and tables for readers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notebooks.analysis.quantiles import Interval


@dataclass(frozen=True, slots=True)
class Prose:
    """Text with figures in it, which a notebook renders as Markdown."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text


def table(rows: Mapping[str, Mapping[str, str]]) -> Prose:
    """Return rows as a Markdown table: by name, then by column; all rows have the same columns."""
    columns = list(next(iter(rows.values()), {}))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[f"**{name}**", *(row[column] for column in columns)] for name, row in rows.items()]
    return Prose("\n".join(f"| {' | '.join(line)} |" for line in lines))


def duration(ms: float) -> str:
    """Write a time with two or three digits: 0 ms, 1.6 ms, 24 ms, 950 ms, 1.02 s."""
    if ms >= 999.5:
        return f"{ms / 1000:.2f} s" if ms < 9995 else f"{ms / 1000:.0f} s"
    return f"{ms:.1f} ms" if 0 < ms < 9.95 else f"{ms:.0f} ms"


def difference(ms: float, resolution_ms: float) -> str:
    """Write how far two latencies are apart, or that they are the same within the load generator's error."""
    if abs(ms) < resolution_ms:
        return f"the same within the generator's error of {duration(resolution_ms)}"
    return f"{duration(abs(ms))} {'more' if ms > 0 else 'less'}"


def amount(value: float) -> str:
    """Write a count or ratio with two or three digits: 0, 0.05, 1.9, 24, 1,250."""
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 9.95 else f"{value:.2g}"


def with_limits(found: Interval, write: Callable[[float], str]) -> str:
    """Write a median, and its limits if they differ: 4 ms (3 ms to 5 ms)."""
    value, low, high = write(found.value), write(found.low), write(found.high)
    return value if low == high else f"{value} ({low} to {high})"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: 1 repeat, 3 repeats, 2 deliveries."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
