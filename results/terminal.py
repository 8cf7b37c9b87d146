"""The console that commands print to, as wide as its output may be, and tables that fit that width.

A terminal has its own width, and COLUMNS overrides it; a pipe or a file is wide enough for every column. A table that
is too wide leaves out its least important columns, and names them below. Numbers are right-aligned and never wrapped or
cut; text may be wrapped at spaces.
"""

import csv
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, wrap

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from results.plain_characters import use_plain_characters

PIPED_COLUMNS = 10_000
PROSE_COLUMNS = 100
WIDE_GAP, NARROW_GAP = 2, 1
HANGING = "  "
RULE = box.SIMPLE_HEAD
ASCII_RULE = box.Box(str(RULE).replace("\N{BOX DRAWINGS LIGHT HORIZONTAL}", "-"), ascii=True)


def console() -> Console:
    """Return the console of standard output."""
    use_plain_characters()
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, emoji=False, width=None if has_width else PIPED_COLUMNS)


def note(text: str | Text) -> Constrain:
    """Return an explanation, to be printed in lines that are comfortable to read; a str is not parsed for markup."""
    return Constrain(Text(text) if isinstance(text, str) else text, PROSE_COLUMNS)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column. priority: 0 is always shown; the highest is left out first.

    text: left-aligned, and wrapped at spaces if need be, to min_width columns at least. Otherwise a number.
    """

    heading: str
    unit: str = ""
    priority: int = 0
    text: bool = False
    min_width: int = 0

    @property
    def header(self) -> str:
        return f"{self.heading}\n{self.unit}" if self.unit else self.heading


def columns_of(table: str) -> tuple[TableColumn, ...]:
    """Return the columns of a table, as `tables.csv` lists them: text has a mark."""
    with Path(__file__).with_name("tables.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            TableColumn(row["heading"], row["unit"], int(row["priority"]), bool(row["text"]), int(row["min_width"]))
            for row in csv.DictReader(file)
            if row["table"] == table
        )


@dataclass(frozen=True, slots=True)
class TableRow:
    """A cell for each column, in their order. style: of the whole row. ends_section: a blank line follows."""

    cells: Sequence[str | Text]
    style: str = ""
    ends_section: bool = False


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table for a rich console, which fits its width. notes: paragraphs that are printed below it."""

    columns: Sequence[TableColumn]
    rows: Sequence[TableRow]
    notes: Sequence[str] = ()

    def shown(self, width: int) -> list[int]:
        """Return the indices of the columns that are shown at a width."""
        shown = list(range(len(self.columns)))
        while _total([self._least(index) for index in shown], NARROW_GAP) > width:
            least_important = max(reversed(shown), key=lambda index: self.columns[index].priority)
            if not self.columns[least_important].priority:
                break
            shown.remove(least_important)
        return shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self.shown(options.max_width)
        yield self._table(shown, options)
        left_out = [column.header for index, column in enumerate(self.columns) if index not in shown]
        if left_out:
            names = ", ".join(header.replace("\n", " ") for header in left_out)
            yield note(Text(f"\nNot shown at {options.max_width} columns: {names}.", style="dim"))
        if self.notes:
            yield ""
        width = min(options.max_width, PROSE_COLUMNS)
        indent = HANGING if len(self.notes) > 1 else ""
        yield from (Text(fill(text, width, subsequent_indent=indent, break_on_hyphens=False)) for text in self.notes)

    def _table(self, shown: Sequence[int], options: ConsoleOptions) -> Table:
        widths = [self._least(index) for index in shown]
        gap = WIDE_GAP if _total(widths, WIDE_GAP) <= options.max_width else NARROW_GAP
        spare = options.max_width - _total(widths, gap)
        rule = ASCII_RULE if options.ascii_only else RULE
        table = Table(box=rule, show_edge=False, padding=(0, gap - 1, 0, 0))
        for index, least in zip(shown, widths, strict=True):
            column = self.columns[index]
            width = self._balanced(index, least, least + max(0, spare))
            spare -= width - least
            justify: JustifyMethod = "left" if column.text else "right"
            table.add_column(column.header, width=width, justify=justify, no_wrap=not column.text, overflow="fold")
        for row in self.rows:
            table.add_row(*(row.cells[index] for index in shown), style=row.style, end_section=row.ends_section)
        return table

    def _balanced(self, index: int, least: int, most: int) -> int:
        """Return the smallest width at which no cell has more lines than the longest has at the largest width."""
        lines = self._lines(index, most)
        return next(width for width in range(least, most + 1) if self._lines(index, width) <= lines)

    def _lines(self, index: int, width: int) -> int:
        """Return how many lines the longest cell of a column has at a width."""
        return max(sum(len(wrap(line, width) or [""]) for line in text.split("\n")) for text in self._texts(index))

    def _least(self, index: int) -> int:
        """Return the width below which a column would be cut, or wrapped too often."""
        natural = max(cell_len(line) for text in self._texts(index) for line in text.split("\n"))
        column = self.columns[index]
        if not column.text:
            return natural
        longest_word = max((cell_len(word) for text in self._texts(index) for word in text.split()), default=0)
        return min(natural, max(column.min_width, longest_word))

    def _texts(self, index: int) -> list[str]:
        return [self.columns[index].header, *(str(row.cells[index]) for row in self.rows)]


def _total(widths: Sequence[int], gap: int) -> int:
    """Return how wide columns are together; rich pads the last one too, by one character less."""
    return sum(width + gap for width in widths) - 1
