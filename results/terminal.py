"""The console that commands print to, as wide as its output may be.

A terminal has its own width, and COLUMNS overrides it. A pipe or a file has none: without COLUMNS it is wide enough
that no column of a table is left out and no line is wrapped, but for explanations, which are wrapped for reading.
Leaves out the tables, which are in `results.fitted_table`.
"""

import os
import sys

from rich.console import Console
from rich.constrain import Constrain
from rich.text import Text

from results.plain_characters import use_plain_characters

PIPED_COLUMNS = 10_000
PROSE_COLUMNS = 100


def console() -> Console:
    """Return the console of standard output."""
    use_plain_characters()
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, emoji=False, width=None if has_width else PIPED_COLUMNS)


def note(text: str | Text) -> Constrain:
    """Return an explanation, to be printed in lines that are comfortable to read; a str is not parsed for markup."""
    return Constrain(Text(text) if isinstance(text, str) else text, PROSE_COLUMNS)
