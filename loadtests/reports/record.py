"""The record of an experiment: a manifest, and tables of rows, as one JSON file.

Teaches to keep a record that a person can read, and a tool can compare: a line for each row, and no number that JSON
does not have.
"""

import json
from collections.abc import Collection, Mapping
from math import isnan
from typing import Any

Row = Mapping[str, str | float]
SHOWN = ("repeat", "users", "delivered", "lost", "latency_p50_s", "same_p50_s", "other_p50_s", "acked_p50_s")


def one_line(row: Row) -> str:
    """Return a row in one line, for the terminal: its texts, and those of its figures that matter most."""
    row = {name: value for name, value in row.items() if (value if isinstance(value, str) else name in SHOWN)}
    return ", ".join(value if isinstance(value, str) else f"{name} {value:.5g}" for name, value in row.items())


def as_json(record: Mapping[str, Any], tables: Collection[str]) -> str:
    """Return a record as JSON: what is no table first, then a line for each row of a table; nan becomes null."""
    facts = {name: fact for name, fact in record.items() if name not in tables}
    head = json.dumps(facts, indent=2, ensure_ascii=False).removesuffix("\n}")
    rows = {name: ",\n".join(f"    {_json_line(row)}" for row in record[name]) for name in tables}
    return head + "".join(f',\n  "{name}": [\n{lines}\n  ]' for name, lines in rows.items()) + "\n}\n"


def _json_line(row: Row) -> str:
    values = {name: None if isinstance(value, float) and isnan(value) else value for name, value in row.items()}
    return json.dumps(values, allow_nan=False)
