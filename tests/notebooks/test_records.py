"""Runs and records that are missing, lack a column or do not add up are refused with the reason."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from notebooks.analysis.claims import ledger
from notebooks.analysis.deployments import reports
from notebooks.analysis.deployments.side_by_side import under_load
from notebooks.analysis.drills import GROWTH_MAX, load_drills
from notebooks.analysis.runs import CHOICE, BrokenRun, chosen, load, points
from notebooks.analysis.serverless import load_hosted
from notebooks.analysis.shared_store import load_shared_store
from notebooks.analysis.wire.captures import captures
from results import schema
from results.schema import CELLS_FILE, DELIVERIES_FILE, MANIFEST
from tests.support.claims import REFERENCE, changed
from tests.support.synthetic_run import ALL, SyntheticRun, write

Reader = Callable[[Path], object]
TABLES: list[tuple[Reader, str, str]] = [
    (load_hosted, schema.HOSTED_FILE, "hosted"),
    (load_shared_store, schema.SHARED_STORE_FILE, "loads"),
    (load_shared_store, schema.SHARED_STORE_FILE, "cross_process"),
    (under_load, schema.DEPLOYMENTS_FILE, "deployments"),
]


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
        (lambda folder: captures(folder / schema.CAPTURES_FILE), "python -m loadtests capture"),
    ],
)
def test_a_missing_record_is_refused_with_the_command_that_makes_it(read: Reader, maker: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenRun, match=f"`{maker}` makes it"):
        read(tmp_path)


@pytest.mark.parametrize(("read", "name", "table"), TABLES)
@pytest.mark.parametrize("column", ["lost", "duplicates", "expected"])
def test_a_loss_is_refused(read: Reader, name: str, table: str, column: str, tmp_path: Path) -> None:
    if (table, column) == ("cross_process", "expected"):
        column = "out_of_order"  # half of each room is measured: there is no number of deliveries due
    with changed(tmp_path / name) as record:
        record[table][0][column] += 1
    with pytest.raises(BrokenRun, match="lost, doubled or out of order"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("read", "name", "table"),
    [*TABLES, (load_drills, schema.DRILLS_FILE, "kills"), (reports.outages, schema.OUTAGES_FILE, "outages")],
)
def test_a_record_that_lacks_a_column_is_refused(read: Reader, name: str, table: str, tmp_path: Path) -> None:
    with changed(tmp_path / name) as record:
        for row in record[table]:
            del row["lost"]
    with pytest.raises(BrokenRun, match=r"lacks columns of results\.schema: lost"):
        read(tmp_path)


@pytest.mark.parametrize("rows_max", [None, 1, 0], ids=["whole", "one row", "no row"])
@pytest.mark.parametrize("table", [*schema.DRILLS, "every"])
def test_a_short_record_of_drills_shows_what_it_has(rows_max: int | None, table: str, tmp_path: Path) -> None:
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        for name in schema.DRILLS if table == "every" else [table]:
            record[name] = record[name][:rows_max]
    drills = load_drills(tmp_path)
    assert (drills.losses, drills.failures) == (0, 0)
    assert len(drills.rows()) >= sum(len(rows) > 0 for rows in drills.tables.values())


def test_what_was_killed_is_shown_without_what_was_not(tmp_path: Path) -> None:
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        for row in record["kills"]:
            row |= {column.name: count for column, count in zip(schema.VICTIMS, (6, 0, 0, 4), strict=True)}
    shown = load_drills(tmp_path).rows()["Killed on redis"]["extent"]
    assert shown.startswith("100 kills (60 of the server, 40 of the push service), ")


def test_a_soak_of_too_few_messages_shows_no_p99(tmp_path: Path) -> None:
    assert sum("p99" in row["outcome"] for row in load_drills(REFERENCE).rows().values()) == 5
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        for row in record["soak"]:
            row["messages"] //= 10
    assert [row for row in load_drills(tmp_path).rows().values() if "p99" in row["outcome"]] == []


def test_what_grows_beyond_its_limit_during_the_drills_is_named(tmp_path: Path) -> None:
    known = load_drills(REFERENCE).excesses()
    assert not [name for name in known if name.startswith(("soak: growth of memory", "fuzz"))]
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        for row in record["soak"]:
            if row["transport"] == "long_polling":
                row["descriptors"] += row["quarter"]
        record["fuzz"][0]["memory_end_bytes"] *= 1.03
        record["fuzz"][1]["refused"] = record["fuzz"][1]["passed"] + 1
    found = set(load_drills(tmp_path).excesses()) - set(known)
    assert found == {
        "soak: growth of descriptors, long_polling",
        "fuzz: growth of memory_bytes, short_polling, part 0",
        "fuzz: refusals, long_polling, part 0",
    }


def test_a_soak_in_two_sessions_has_an_unknown_growth_and_all_its_losses(tmp_path: Path) -> None:
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        transports = {row["transport"] for row in record["soak"]}
        for row in record["soak"]:
            if row["sample"] < 8:
                row |= {"session": "2026-11-27T00:00:00+00:00", "lost": int(row["sample"] == 0)}
    drills = load_drills(tmp_path)
    assert drills.losses == len(transports)
    assert drills.rows()["Soaked: Long polling"]["outcome"].startswith("1 lost, 0 duplicated")
    soaked = {name for name in drills.excesses() if name.startswith("soak")}
    assert soaked == {f"soak: growth of {figure}, {slug}" for figure in GROWTH_MAX for slug in transports}


@pytest.mark.parametrize(("moved", "minutes"), [(12, "55 minutes"), (6, "85 minutes")])
def test_of_the_sessions_of_a_soak_that_of_the_longest_time_counts(moved: int, minutes: str, tmp_path: Path) -> None:
    """Of two that are as long, the later one; many samples within a short time are no long soak."""
    with changed(tmp_path / schema.DRILLS_FILE) as record:
        for row in record["soak"]:
            if row["sample"] < moved:
                row["session"] = "2026-11-27T00:00:00+00:00"
        late = [row for row in record["soak"] if row["sample"] >= moved]
        record["soak"] += [{**row, "session": "2026-11-27T01:00:00+00:00", "at_s": 300.0} for row in 2 * late]
        for row in late:
            row["memory_bytes"] = 99_000_000
    found = load_drills(tmp_path).rows()["Soaked: Long polling"]
    assert found["extent"].startswith(minutes) and "memory 99 MB" in found["outcome"]


def test_void_cells_are_left_out_and_named_and_suspect_ones_are_kept(tmp_path: Path) -> None:
    verdicts = {("long_polling", 1): "void", ("short_polling", 0): "suspect"}
    run = load(write(tmp_path, SyntheticRun(repeats=2, verdicts=verdicts)))
    assert set(run.deliveries_of("short_polling")["repeat"]) == {0, 1}
    assert set(run.deliveries_of("long_polling")["repeat"]) == {0}
    assert run.void == ("Long polling, repeat 1: the generator lagged",)
    assert run.slugs == ALL
    folder = write(tmp_path, SyntheticRun(slugs=["raw_websocket"], verdicts={("raw_websocket", 0): "void"}))
    with pytest.raises(BrokenRun, match=r"no valid cell.*Raw WebSocket, repeat 0: the generator lagged"):
        load(folder)


def test_a_run_that_lacks_a_table_or_a_column_is_refused(tmp_path: Path) -> None:
    cells = write(tmp_path, SyntheticRun()) / CELLS_FILE
    (tmp_path / DELIVERIES_FILE).unlink()
    with pytest.raises(BrokenRun, match=r"expected deliveries\.csv\.gz"):
        load(tmp_path)
    cells.write_text(cells.read_text(encoding="utf-8").replace("api_cpu_s", "cpu"), encoding="utf-8")
    with pytest.raises(BrokenRun, match=r"lacks columns of results\.schema: api_cpu_s"):
        load(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(BrokenRun, match=r"not a run: expected manifest\.json"):
        load(tmp_path)


def test_samples_that_do_not_match_the_counts_are_refused(tmp_path: Path) -> None:
    cells = write(tmp_path, SyntheticRun(slugs=["long_polling"], users=5, messages=40)) / CELLS_FILE
    whole = pd.read_csv(cells, keep_default_na=False)
    for column, message in (("expected", "of 201 deliveries 200 came"), ("samples", "has 200 of 201 samples")):
        whole.assign(**{column: 201}).to_csv(cells, index=False, na_rep="nan")
        with pytest.raises(BrokenRun, match=message):
            points(tmp_path, "conversation")


def test_a_transport_without_a_cell_and_a_setting_that_the_manifest_does_not_state_are_named(tmp_path: Path) -> None:
    (write(tmp_path, SyntheticRun(slugs=["raw_websocket"])) / MANIFEST).write_text('{"workloads": []}')
    run = load(tmp_path)
    for rows_of in (run.cells_of, run.deliveries_of, run.quantiles_of):
        with pytest.raises(BrokenRun, match="no valid cell of short_polling"):
            rows_of("short_polling")
    with pytest.raises(BrokenRun, match="states no 'poll_interval_s'"):
        run.setting("poll_interval_s")


def test_of_several_loads_the_first_is_read_unless_another_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, SyntheticRun())
    for table_of_run in (folder / CELLS_FILE, folder / DELIVERIES_FILE):
        rows = pd.read_csv(table_of_run, keep_default_na=False)
        pd.concat([rows, rows.assign(point="far")]).to_csv(table_of_run, index=False)
    assert load(folder).point == ""
    assert load(folder, point="far").setting("hold_s") == 25.0
    assert len(load(folder, point="far").deliveries) == len(load(folder).deliveries)
    with pytest.raises(BrokenRun, match="no valid cell to chart; void: none of chaos either"):
        load(folder, scenario="chaos")


@pytest.mark.parametrize("service", ["local stand-in", "rented"])
def test_a_label_says_whose_push_service_was_used(service: str, tmp_path: Path) -> None:
    label = load(write(tmp_path, SyntheticRun(push_service=service))).label_of("pusher_adapter")
    assert label == f"Pusher adapter ({service}{', not counted' if service == 'rented' else ''})"


def test_a_reader_may_choose_a_run_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, str(write(tmp_path, SyntheticRun(users=3))))
    assert chosen().folder == tmp_path
