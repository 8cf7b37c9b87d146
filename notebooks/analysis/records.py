"""Reads the JSON records that lie beside a run, and refuses those that do not add up.

A record has facts about how it was made, and tables: lists of rows with the columns of `results.schema`. Rows in which
the load generator lagged too much are void, and each reader of a record leaves them out.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from notebooks.analysis.runs import BrokenRun
from results import schema
from results.schema import Column

MAKERS: Mapping[str, str] = {
    schema.CAPTURES_FILE: "python -m loadtests capture",
    schema.CLAIMS_FILE: "python -m notebooks.analysis claims",
    schema.CODE_COMPARISON_FILE: "python -m servers.shortest.compare",
    schema.DEPLOYMENTS_FILE: "python -m loadtests deployments",
    schema.DRILLS_FILE: "python -m tests.drills",
    schema.HOSTED_FILE: "python -m loadtests hosted",
    schema.OUTAGES_FILE: "python -m tests.outages",
    schema.PARTS_FILE: "python -m tests.outages.parts",
    schema.SHARED_STORE_FILE: "python -m loadtests shared_store",
}
ERRORS = ["lost", "duplicates", "out_of_order", "send_failures"]


def read(path: Path) -> Any:
    """Return the content of a record; raise BrokenRun, naming the command that makes it, when it is not there."""
    if not path.is_file():
        raise BrokenRun(f"{path.parent} has no {path.name}: `{MAKERS[path.name]}` makes it")
    return json.loads(path.read_text(encoding="utf-8"))


def table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return rows as a table with the columns of the schema; raise BrokenRun when one is missing."""
    found = pd.DataFrame(rows)
    if missing := [column.name for column in columns if column.name not in found]:
        raise BrokenRun(f"{path} lacks columns of results.schema: {', '.join(missing)}")
    return found[[column.name for column in columns]].astype({column.name: column.dtype for column in columns})


def check(path: Path, *tables: pd.DataFrame) -> None:
    """Raise BrokenRun when a send failed, or a delivery is missing, doubled or out of order."""
    errors = sum(int(rows[ERRORS].sum().sum()) for rows in tables)
    if errors or any((rows["delivered"] != rows["expected"]).any() for rows in tables if "expected" in rows):
        found = f"{errors} sends failed, or deliveries were lost, doubled or out of order"
        raise BrokenRun(f"{path}: {found}; or the deliveries are not as many as were due")


def circumstances(record: Mapping[str, Any], engines: str) -> str:
    """Return where and with what something was measured."""
    machine = record["machine"]
    return (
        f"Measured on {machine['cpu']}, {machine['cores']} cores, {record['pinning']}; {engines}; commit "
        f"{record['commit'][:7]}. The load average was {record['load_average']:.1f} when it began"
    )
