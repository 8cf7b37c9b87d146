"""What became of typing notices, presence and receipts: a table beside that of the messages, if there were any.

Teaches that late news is not merely late: a typing notice that has expired, or an "online" that has been overtaken by
an "offline", is false by the time it is seen.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtests.accounts.cell import Cell
from loadtests.rig.manifest import label

HEADINGS = ("p50\nms", "p95\nms", "came", "still\ntrue", "unread\nat leaving")
MEANING = (
    "Still true: neither expired nor overtaken by newer news of the same kind and person when it arrived. Unread at "
    "leaving: what was in the log but had not been handed out when somebody went."
)


def print_kinds(console: Console, cells: Sequence[Cell]) -> None:
    """Print how late each kind of event was, and how much of it was still true; nothing if there were only messages."""
    cells = [cell for cell in cells if cell.verdict.adds_up and len(cell.kinds) > 1]
    if not cells:
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    table.add_column("transport")
    table.add_column("kind")
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for cell in cells:
        for index, kind in enumerate(cell.kinds):
            name = label(cell.transport) if index == 0 else ""
            true_share = f"{kind.still_true / kind.delivered:.0%}" if kind.delivered else "-"
            left = f"{kind.missed_by_leaving:,}"
            late = (f"{1000 * kind.latency_p50_s:,.0f}", f"{1000 * kind.latency_p95_s:,.0f}")
            style = f"bold {cell.transport.colour}"
            table.add_row(Text(name, style=style), kind.kind, *late, f"{kind.delivered:,}", true_share, left)
        table.add_section()
    console.print(table)
    console.print(f"\n{MEANING}")
