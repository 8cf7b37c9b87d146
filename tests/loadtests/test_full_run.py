"""The scenarios, and the full run: its order, duration and repeats, where it stops, and how it is resumed."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from loadtests import choices, compare
from loadtests.accounts.cell import Cell
from loadtests.accounts.predictions import Limit, limit_of
from loadtests.accounts.verdict import WORK
from loadtests.choices import choose_scenarios
from loadtests.harness.children import NotMeasured, Overloaded
from loadtests.harness.cores import Cores
from loadtests.harness.manifest import MEASURED, NOT_MEASURED, ROOT, measured_code, measured_files
from loadtests.plan.workload import H2, HOLD_S
from loadtests.reports import run_folder, tables
from loadtests.reports.run_folder import RunFolder
from loadtests.scenarios import SCENARIOS, Planned, Scenario, find, full_plan, shuffled, still_due
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE
from servers.transports import TRANSPORTS
from tests.support.loadtest_rows import BOTH, PAIR, PLANNED, cell
from tests.support.loadtest_run import cells_below, manifest_below, measure_by

STEPS = Scenario("steps", "How many?", tuple(replace(PAIR, point=name) for name in "abc"), up_to_limit=True)
TALK = Scenario("talk", "How fast?", (PAIR,), repeats=2)
FULL_RUN_S = 2 * 3600.0 / 5  # for each transport
CLIENT_IMPORT = re.compile(r"^\s*(?:from|import) clients\.(\w+)", re.MULTILINE)
DELIVERIES_PER_S_MAX = 1000
"""As many as one generator process receives on every transport."""

RUN = {"measured_code": {"servers": "c0ffee"}, "machine": {}, "workloads": [], "transports": ["short_polling"]}


def run_in_full(folder: Path, *scenarios: Scenario) -> int:
    """Run scenarios with one transport, or go on with them; return the exit status."""
    return compare.compare_in_full(scenarios, TRANSPORTS[:1], folder / "full")


def cells_of(*scenarios: Scenario) -> list[Cell]:
    """Return what might be measured of each, in the order of a full run."""
    return [cell(BOTH, planned=planned) for planned in full_plan(scenarios, TRANSPORTS[:1])]


def test_a_full_run_of_all_scenarios_takes_at_most_two_hours_for_five_transports() -> None:
    scenarios = choose_scenarios(None, full=True, quick=False)
    about_s = sum(planned.about_s for planned in full_plan(scenarios, TRANSPORTS))
    assert about_s <= FULL_RUN_S * len(TRANSPORTS)
    assert {row.name for row in scenarios if row.repeats > 3} == {"conversation", "busy"}
    assert {row.name for row in scenarios for load in row.workloads if load.measured_s >= 3 * HOLD_S} == {"idle"}


def test_over_another_link_a_full_run_has_three_scenarios_and_takes_at_most_an_hour() -> None:
    scenarios = choose_scenarios(None, full=True, quick=False, link=H2)
    plan = full_plan(scenarios, TRANSPORTS)
    assert [(row.name, row.repeats) for row in scenarios] == [("conversation", 2), ("busy", 2), ("idle", 2)]
    assert sum(planned.about_s for planned in plan) <= 3600


def test_a_default_comparison_of_five_transports_takes_about_three_minutes() -> None:
    (scenario,) = choose_scenarios(None, full=False, quick=False)
    assert sum(planned.about_s for planned in scenario.planned(TRANSPORTS)) <= 37 * len(TRANSPORTS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda row: row.name)
def test_every_scenario_has_a_question_and_fills_its_rooms(scenario: Scenario) -> None:
    assert scenario.question.endswith("?")
    assert [row.name for row in SCENARIOS].count(scenario.name) == 1
    assert len({load.point for load in scenario.workloads}) == len(scenario.workloads)
    for load in scenario.workloads:
        assert load.users % load.room_size == 0
        assert scenario.up_to_limit or load.users * load.rate_per_s * load.room_size <= DELIVERIES_PER_S_MAX


def test_a_scenario_for_one_transport_is_planned_for_that_one_only() -> None:
    planned = find("interval_sweep").planned(TRANSPORTS)
    assert {one.transport.slug for one in planned} == {"short_polling"}
    assert len({one.workload.poll_interval_s for one in planned}) == len(planned) == 5


def test_a_changed_field_changes_every_load_of_a_scenario() -> None:
    changed = choices.with_changes(find("distance"), {"users": 20})
    assert [load.users for load in changed.workloads] == [20] * 4
    assert [load.one_way_delay_s for load in changed.workloads] == [0.0, 0.02, 0.05, 0.1]


def test_a_full_run_measures_all_scenarios_before_it_repeats_them_with_another_seed() -> None:
    plan = full_plan([TALK, STEPS], TRANSPORTS[:2])
    assert [planned.repeat for planned in plan] == [0] * 8 + [1] * 8 + [2] * 6
    assert {(planned.repeat, planned.workload.seed) for planned in plan} == {(0, 1), (1, 2), (2, 3)}


def test_the_order_of_the_transports_is_drawn_for_each_repeat_and_can_be_drawn_again() -> None:
    orders = [shuffled(TRANSPORTS, f"talk {repeat}") for repeat in range(6)]
    assert all(sorted(order, key=TRANSPORTS.index) == list(TRANSPORTS) for order in orders)
    assert len(set(orders)) > 3
    assert orders[0] == shuffled(TRANSPORTS, "talk 0")


def test_a_limit_ends_the_larger_loads_of_its_repeat_and_transport_only() -> None:
    plan = full_plan([STEPS], TRANSPORTS[:2])
    _, b, c = (planned.key for planned in plan if planned.repeat == 0 and planned.transport == TRANSPORTS[0])
    assert still_due(plan, {b: "servers"}) == [planned for planned in plan if planned.key not in (b, c)]


@pytest.mark.parametrize(
    ("figures", "generators", "limit"),
    [
        ({}, 1, Limit.NONE),
        ({"api_cpu_s": 6.0, "push_service_cpu_s": 3.5}, 1, Limit.SERVERS),
        ({"api_cpu_s": 3.0, "store_cpu_s": 3.0, "proxy_cpu_s": 3.0}, 1, Limit.SERVERS),
        ({"api_cpu_s": 9.5, "store_cpu_s": nan}, 1, Limit.SERVERS),
        ({"api_cpu_s": 9.5, "generator_cpu_s": 9.5}, 1, Limit.GENERATOR),
        ({"generator_cpu_s": 17.0}, 2, Limit.NONE),
        ({"generator_cpu_s": 19.0}, 4, Limit.GENERATOR),
        ({"api_cpu_s": 9.5, "heartbeat_lag_p99_s": 0.03}, 1, Limit.SERVERS),
        ({"api_cpu_s": 9.5, "readings_apart_s": 20.0}, 1, Limit.NONE),
        ({"heartbeat_lag_p99_s": 0.03}, 1, Limit.GENERATOR),
    ],
)
def test_the_limit_is_named_that_caused_the_others(figures: dict[str, float], generators: int, limit: Limit) -> None:
    measured = cell(BOTH)
    filled = Cores(0, frozenset({1, 2})).filled_by(generators)
    assert limit_of(replace(measured, figures={**measured.figures, **figures}), filled) is limit


@pytest.mark.parametrize(("lag_s", "limit"), [(0.03, Limit.LATENCY), (0.3, Limit.GENERATOR)])
def test_late_pushes_are_blamed_on_the_generator_only_if_its_lag_explains_them(lag_s: float, limit: Limit) -> None:
    late = [row._replace(received_s=106.0) for row in BOTH]
    pushed = replace(cell(late, late_s=lag_s), planned=replace(PLANNED, transport=TRANSPORTS[2]))
    assert limit_of(pushed) is limit


@pytest.mark.process
def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = cells_of(TALK)
    measure = measure_by(monkeypatch, [first, KeyboardInterrupt, second])
    assert run_in_full(tmp_path, TALK) == compare.INTERRUPTED
    assert run_in_full(tmp_path, TALK) == 0
    assert [call.args[0].repeat for call in measure.call_args_list] == [0, 1, 1]
    assert not manifest_below(tmp_path)["partial"]


@pytest.mark.process
def test_an_unmeasured_cell_is_void(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talks = replace(TALK, repeats=1), replace(TALK, name="more", repeats=1)
    measure_by(monkeypatch, [NotMeasured("a child ended"), *cells_of(*talks)[1:]])
    assert run_in_full(tmp_path, *talks) == compare.FAILED
    assert manifest_below(tmp_path)["partial"]
    verdicts = {name: row["verdict"] for name, row in manifest_below(tmp_path)["verdicts"].items()}
    assert verdicts == {"short_polling, talk": "void", "short_polling, more": "valid"}


@pytest.mark.process
def test_a_loss_fails_the_resumed_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure_by(monkeypatch, lambda planned, *_: cell(BOTH[planned.repeat == 0 :], planned=planned))
    for _ in range(2):
        assert run_in_full(tmp_path, TALK) == compare.FAILED
    assert not manifest_below(tmp_path)["partial"]


@pytest.mark.process
def test_overloaded_servers_end_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = replace(STEPS, repeats=1)
    measure_by(monkeypatch, [cells_of(steps)[0], Overloaded("no answer")])  # and never a third time
    for _ in range(2):
        assert run_in_full(tmp_path, steps) == 0
    manifest = manifest_below(tmp_path)
    assert not manifest["partial"]
    assert manifest["overloaded"] == [["steps", "b", "short_polling", 0]]


def slowed(planned: Planned, factor: float, limit: Limit = Limit.NONE) -> Cell:
    """Return a cell whose fixed work took so many times as long as usual, and which met this limit if it is slow.

    factor: 0 if it cannot be measured.
    """
    if not factor:
        raise NotMeasured("a child ended")
    made = cell(BOTH, planned=planned)
    met = limit if factor > 1 else Limit.NONE
    return replace(made, figures={**made.figures, **dict.fromkeys(WORK, factor), "limit": met})


@pytest.mark.process
@pytest.mark.parametrize(("factors", "measured"), [([2.0], 4), ([2.0] * 9, 5), ([2.0, 0.0, 0.0, 2.0], 5)])
def test_a_cell_on_a_slow_machine_is_measured_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factors: list[float], measured: int
) -> None:
    monkeypatch.setattr(compare, "REPEATED_MAX", 1.0)
    left = iter(factors)
    measure = measure_by(monkeypatch, lambda planned, *_: slowed(planned, 1.0 if planned.repeat else next(left, 1.0)))
    talk = replace(TALK, repeats=3)
    for _ in range(2):  # the second time all is done
        assert run_in_full(tmp_path, talk) == 0
        assert measure.call_count == measured
    first, *others = sorted(cells_below(tmp_path), key=lambda row: row["repeat"])
    verdict = "suspect" if len(factors) > 1 else "valid"
    assert (first["attempts"], first["verdict"]) == (str(measured - 2), verdict)
    assert [row["attempts"] for row in others] == ["1", "1"]
    with gzip.open(tmp_path / "full" / DELIVERIES_FILE, "rt") as file:
        assert len(list(file)) == 1 + 3 * len(BOTH), "those of the replaced cell are gone"


@pytest.mark.process
def test_a_limit_that_was_met_on_a_slow_machine_ends_no_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "REPEATED_MAX", 1.0)
    times = iter([1.0, 1.0, 2.0])
    measure = measure_by(monkeypatch, lambda planned, *_: slowed(planned, next(times, 1.0), Limit.SERVERS))
    four = replace(STEPS, repeats=1, workloads=tuple(replace(PAIR, point=name) for name in "abcd"))
    assert run_in_full(tmp_path, four) == 0
    assert [call.args[0].workload.point for call in measure.call_args_list] == list("abccd")
    assert not manifest_below(tmp_path)["partial"]


def test_rows_that_were_half_written_when_the_machine_died_are_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RUN)
    folder.add(cell(BOTH))
    whole = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    for name in (CELLS_FILE, DELIVERIES_FILE, KINDS_FILE):
        with (tmp_path / name).open("ab") as file:
            file.write(b"torn")
    assert list(RunFolder(tmp_path, RUN).done) == [PLANNED.key]
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == whole


@pytest.mark.parametrize("name", [CELLS_FILE, KINDS_FILE, DELIVERIES_FILE])
def test_a_cell_that_was_being_replaced_at_an_interruption_is_replaced_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def interrupted(path: Path, changed: Callable[[list[str]], list[str] | None]) -> None:
        if path.name == name:
            raise KeyboardInterrupt
        tables.rewrite(path, changed)

    replaced, other = cells_of(TALK)
    folder = RunFolder(tmp_path, RUN)
    for each in (other, replaced):
        folder.add(each)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(run_folder, "rewrite", interrupted)
        folder.add(replaced)
    RunFolder(tmp_path, RUN).add(replaced)
    assert set(RunFolder(tmp_path, RUN).done) == {replaced.planned.key, other.planned.key}
    with tables.open_table(tmp_path / DELIVERIES_FILE, "r") as file:
        assert len(list(file)) == 1 + 2 * len(BOTH)


def test_a_run_is_not_resumed_by_other_code_or_on_another_machine(tmp_path: Path) -> None:
    RunFolder(tmp_path, RUN)
    with pytest.raises(ValueError, match="differs in measured_code, machine"):
        RunFolder(tmp_path, {**RUN, "measured_code": {"servers": "decaf"}, "machine": {"cores": 64}})


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("servers/core/chat.py", True),
        ("servers/core/stores/postgres.sql", True),
        ("servers/demo/lane.py", False),
        ("clients/inbox.py", True),
        ("clients/conversation.py", False),
        ("clients/web/node_modules/package/index.mjs", False),
        ("loadtests/reports/report.py", False),
    ],
)
def test_the_digest_of_the_measured_code_leaves_out_what_does_not_run_while_measuring(
    tmp_path: Path, file: str, counts: bool
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("one", encoding="utf-8")
    before = measured_code(tmp_path)
    (tmp_path / file).write_text("two", encoding="utf-8")
    assert (measured_code(tmp_path) != before) == counts


def test_what_the_digest_names_exists() -> None:
    assert [name for name in (*MEASURED, *NOT_MEASURED) if not (ROOT / name).exists()] == []


def test_measured_code_imports_no_module_of_the_chat_clients_that_the_digest_leaves_out() -> None:
    files = [file for name in MEASURED for file in measured_files(ROOT, name) if file.suffix == ".py"]
    imported = {found for file in files for found in CLIENT_IMPORT.findall(file.read_text(encoding="utf-8"))}
    assert {f"clients/{module}.py" for module in imported} <= set(MEASURED)
    assert "inbox" in imported


def test_a_full_run_keeps_every_quantile_and_a_seeded_sample(tmp_path: Path) -> None:
    folders = [tmp_path / f"run {number}" for number in range(10)]  # of two deliveries, two may draw the same by chance
    for folder in folders:
        RunFolder(folder, RUN).add(cell(BOTH), samples_max=1)
    (drawn,) = {gzip.decompress((folder / DELIVERIES_FILE).read_bytes()) for folder in folders}
    assert len(drawn.splitlines()) == 1 + 1
    (row,) = (folders[0] / KINDS_FILE).read_text().splitlines()[1:]
    assert row.endswith(",message,1,1,2,2,0,2" + 11 * ",0.5")
