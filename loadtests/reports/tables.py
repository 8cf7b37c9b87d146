"""The files of a run: tables, to which rows are appended, and records; what changes is replaced as a whole, at once."""

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO


def open_table(path: Path, mode: str) -> TextIO:
    """Open a table. A gzip file may consist of several parts (RFC 1952), so appending works there too."""
    open_file: Callable[..., TextIO] = gzip.open if path.suffix == ".gz" else open
    return open_file(path, f"{mode}t", newline="", encoding="utf-8")


def write_rows(path: Path, mode: str, rows: Iterable[Sequence[object]]) -> None:
    """Write rows into a table: a new one if the mode is "w", after the last row if it is "a"."""
    with open_table(path, mode) as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def rewrite(path: Path, changed: Callable[[list[str]], list[str] | None]) -> None:
    """Replace every row by what `changed` returns for it, or leave it out if that is None; atomically."""
    with open_table(path, "r") as file:
        head, *rows = csv.reader(file)
    draft = path.with_name(f"new-{path.name}")  # the ending says how to write it
    write_rows(draft, "w", [head, *(row for row in map(changed, rows) if row is not None)])
    draft.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a file, or replace it, atomically: it is whole whenever the run is interrupted."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
