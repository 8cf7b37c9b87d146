"""Records beside a run: each is refused when it is missing, lacks a column, or does not add up."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from notebooks.analysis.claims import ledger
from notebooks.analysis.deployments import reports
from notebooks.analysis.deployments.side_by_side import under_load
from notebooks.analysis.drills import MEMORY, load_drills
from notebooks.analysis.runs import ROOT, BrokenRun
from notebooks.analysis.serverless import load_hosted
from notebooks.analysis.shared_store import load_shared_store
from notebooks.analysis.wire.captures import captures
from results.schema import (
    CAPTURES_FILE,
    DEPLOYMENTS_FILE,
    DRILLS,
    DRILLS_FILE,
    HOSTED_FILE,
    OUTAGES_FILE,
    SHARED_STORE_FILE,
)

REFERENCE = ROOT / "results" / "reference"
Reader = Callable[[Path], object]
TABLES: list[tuple[Reader, str, str]] = [
    (load_hosted, HOSTED_FILE, "hosted"),
    (load_shared_store, SHARED_STORE_FILE, "loads"),
    (load_shared_store, SHARED_STORE_FILE, "cross_process"),
    (under_load, DEPLOYMENTS_FILE, "deployments"),
]


def with_first_row(folder: Path, name: str, table: str, change: Callable[[dict[str, float]], object]) -> Path:
    """Write a record of the reference with its first row changed."""
    record = json.loads((REFERENCE / name).read_text(encoding="utf-8"))
    change(record[table][0])
    (folder / name).write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("read", "maker"),
    [
        (load_hosted, "python -m loadtests hosted"),
        (load_shared_store, "python -m loadtests shared_store"),
        (under_load, "python -m loadtests deployments"),
        (load_drills, "python -m tests.drills"),
        (reports.outages, "python -m tests.outages"),
        (reports.parts, "python -m tests.outages.parts"),
        (reports.code, "python -m servers.shortest.compare"),
        (ledger.table, "python -m notebooks.analysis claims"),
        (lambda folder: captures(folder / CAPTURES_FILE), "python -m loadtests capture"),
    ],
)
def test_of_a_missing_record_the_command_that_makes_it_is_named(read: Reader, maker: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenRun, match=f"`{maker}` makes it"):
        read(tmp_path)


@pytest.mark.parametrize(("read", "name", "table"), TABLES)
@pytest.mark.parametrize("column", ["lost", "duplicates", "expected"])
def test_a_loss_is_refused(read: Reader, name: str, table: str, column: str, tmp_path: Path) -> None:
    if (table, column) == ("cross_process", "expected"):
        column = "out_of_order"  # half of each room is measured: there is no number of deliveries due
    folder = with_first_row(tmp_path, name, table, lambda row: row.update({column: row[column] + 1}))
    with pytest.raises(BrokenRun, match="lost, doubled or out of order"):
        read(folder)


@pytest.mark.parametrize(
    ("read", "name", "table"),
    [*TABLES, (load_drills, DRILLS_FILE, "kills"), (reports.outages, OUTAGES_FILE, "outages")],
)
def test_a_record_that_lacks_a_column_is_refused(read: Reader, name: str, table: str, tmp_path: Path) -> None:
    record = json.loads((REFERENCE / name).read_text(encoding="utf-8"))
    for row in record[table]:
        del row["lost"]
    (tmp_path / name).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(BrokenRun, match=r"lacks columns of results\.schema: lost"):
        read(tmp_path)


@pytest.mark.parametrize("rows_max", [None, 1, 0], ids=["whole", "one row", "no row"])
@pytest.mark.parametrize("table", [*DRILLS, "every"])
def test_a_short_record_of_drills_shows_what_it_has(rows_max: int | None, table: str, tmp_path: Path) -> None:
    record = json.loads((REFERENCE / DRILLS_FILE).read_text(encoding="utf-8"))
    for name in DRILLS:
        if table in (name, "every"):
            record[name] = record[name][:rows_max]
    (tmp_path / DRILLS_FILE).write_text(json.dumps(record), encoding="utf-8")
    drills = load_drills(tmp_path)
    assert (drills.losses, drills.failures) == (0, 0)
    assert len(drills.rows()) >= sum(len(rows) > 0 for rows in drills.tables.values())
    assert len(drills.panels()) == (2 if drills.soak["quarter"].nunique() > 1 else 0)


def test_the_readme_quotes_the_drills_as_recorded() -> None:
    drills = load_drills(REFERENCE)
    growth, soaked = max(drills.growth(MEMORY).values()) - 1, drills.soak["at_s"].max() - drills.soak["at_s"].min()
    quoted = (
        f"{drills.kills['kills'].sum():,} kills",
        f"{len(drills.faults)} stopped processes",
        f"none of {sum(rows['messages'].sum() for rows in (drills.kills, drills.faults)):,} messages",
        f"{drills.fuzz[['passed', 'refused', 'failed']].to_numpy().sum():,} fuzzed inputs",
        f"soak of {soaked / 60:.0f} minutes memory grew by at most {100 * growth:.1f} %",
    )
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert [text for text in quoted if text not in readme] == []
