"""What is to be noted about cells beneath their table: why one is not valid, what differs from theory, first sends."""

from collections.abc import Sequence

from rich.console import Console

from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import remarks_on
from loadtests.harness.manifest import label
from results.terminal import note

FIRST_SENDS = "Before the window everybody sent once; until that was acknowledged, the median was:"


def print_notes(console: Console, cells: Sequence[Cell]) -> None:
    """Print the reasons of verdicts, the remarks, and what a user's first send takes, which is in no other figure."""
    for cell in cells:
        name = name_in_table(cell)
        if reason := cell.verdict.reason:
            console.print(note(f"{name} is {cell.verdict.status}: {reason}"))
        for remark in remarks_on(cell):
            console.print(note(f"{name}: {remark}"), style="yellow")
    took = [
        f"{name_in_table(cell)} {1000 * cell.number('first_ack_p50_s'):,.0f} ms "
        f"(n = {cell.number('first_sends'):.0f}), later sends {1000 * cell.number('ack_p50_s'):,.0f} ms"
        for cell in cells
        if cell.verdict.adds_up
    ]
    if took:
        console.print(note(f"\n{FIRST_SENDS} {'; '.join(took)}.\n"))


def name_in_table(cell: Cell) -> str:
    """Return the transport and its load, if the table has several; they all are of one scenario."""
    return ", ".join(filter(None, (label(cell.transport), cell.planned.workload.point)))
