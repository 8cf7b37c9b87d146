"""The table of typing notices, presence and receipts, beside that of the messages, if there were any.

Teaches that a late event is not merely late: a typing notice that has expired, or an "online" that an "offline" has
followed, is false by the time it is seen.
"""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from loadtests.accounts.cell import Cell
from loadtests.harness.manifest import label
from results.terminal import FittedTable, TableRow, columns_of

COLUMNS = columns_of("kinds")
MEANING = (
    "Still true: neither expired nor followed by a newer event of the same kind and person when it arrived. Unread at "
    "leaving: events that were in the log but had not been delivered when somebody left."
)


def print_kinds(console: Console, cells: Sequence[Cell]) -> None:
    """Print how late each kind of event was, and how much of it was still true; nothing if there were only messages."""
    cells = [cell for cell in cells if cell.verdict.adds_up and len(cell.kinds) > 1]
    if not cells:
        return
    console.print()
    console.print(FittedTable(COLUMNS, [row for cell in cells for row in _rows(cell)], [MEANING]))


def _rows(cell: Cell) -> Iterator[TableRow]:
    """Yield a row for each kind; the first has the transport's name."""
    for index, kind in enumerate(cell.kinds):
        name = Text(label(cell.transport) if index == 0 else "", style=f"bold {cell.transport.colour}")
        late = (f"{1000 * kind.latency_p50_s:,.0f}", f"{1000 * kind.latency_p95_s:,.0f}")
        true_share = f"{kind.still_true / kind.delivered:.0%}" if kind.delivered else "-"
        cells = (name, kind.kind, *late, f"{kind.delivered:,}", true_share, f"{kind.missed_by_leaving:,}")
        yield TableRow(cells, ends_section=kind is cell.kinds[-1])
