"""What is printed below the table of cells: a table of all kinds of events, and notes on single cells.

Teaches that a late event may be a false one: a typing notice that has expired, or an "online" that an "offline" has
followed, is no longer true when it is seen. The notes say why a cell is not valid, what differs from theory, and how
long first sends took.
"""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import remarks_on
from loadtests.harness.manifest import label
from results.terminal import FittedTable, TableRow, columns_of, note

FIRST_SENDS = "Before the window everybody sent once; until that was acknowledged, the median was:"


def print_notes(console: Console, cells: Sequence[Cell]) -> None:
    """Print the reasons of verdicts, the remarks, and how long a user's first send takes, which no figure includes."""
    for cell in cells:
        name = name_in_table(cell)
        if reason := cell.verdict.reason:
            console.print(note(f"{name} is {cell.verdict.status}: {reason}"))
        for remark in remarks_on(cell):
            console.print(note(f"{name}: {remark}"), style="yellow")
    first_sends = [
        f"{name_in_table(cell)} {1000 * cell.number('first_ack_p50_s'):,.0f} ms "
        f"(n = {cell.number('first_sends'):.0f}), later sends {1000 * cell.number('ack_p50_s'):,.0f} ms"
        for cell in cells
        if cell.verdict.adds_up
    ]
    if first_sends:
        console.print(note(f"\n{FIRST_SENDS} {'; '.join(first_sends)}.\n"))


def name_in_table(cell: Cell) -> str:
    """Return the transport and, where the scenario has several loads, the load."""
    return ", ".join(filter(None, (label(cell.transport), cell.planned.workload.point)))


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
