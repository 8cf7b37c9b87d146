"""The files of a run: tables and records. Each is replaced as a whole, at once."""

import csv
import gzip
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

Row = Iterable[object]


def encoded(path: Path, rows: Iterable[Row]) -> bytes:
    """Return rows as they stand in a table. A gzip file may consist of several parts (RFC 1952): so may every table."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    return gzip.compress(data) if path.suffix == ".gz" else data


def rows_of(path: Path) -> Iterator[list[str]]:
    """Return the rows of a table, without its head."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return islice(csv.reader(StringIO(text, newline="")), 1, None)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, or replace it, atomically: it is whole whenever the run is interrupted."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(data)
    draft.replace(path)
