"""The full run: its order, its repeats, where it stops, and that it goes on where it was interrupted."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests import compare
from loadtests.cell import Cell
from loadtests.limits import Limit, limit_of
from loadtests.matrix import full_plan, rotated, still_due
from loadtests.run_folder import RunFolder
from loadtests.scenarios import Planned, Scenario
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE, MANIFEST
from servers.transports import TRANSPORTS
from tests.loadtest_rows import BOTH, PAIR, PLANNED, cell

STEPS = Scenario("steps", "How many?", tuple(replace(PAIR, point=name) for name in "abc"), up_to_limit=True)
TALK = Scenario("talk", "How fast?", (PAIR,), repeats=2)
RUN = {"measured_code": {"servers": "c0ffee"}, "machine": {}, "workloads": [], "transports": ["short_polling"]}


def test_everything_is_done_once_before_anything_is_done_twice() -> None:
    plan = full_plan([TALK, STEPS], TRANSPORTS[:2])
    assert [planned.repeat for planned in plan] == [0] * 8 + [1] * 8 + [2] * 6


def test_another_transport_goes_first_in_each_repeat() -> None:
    firsts = [rotated(TRANSPORTS, repeat)[0] for repeat in range(len(TRANSPORTS))]
    assert sorted(firsts, key=TRANSPORTS.index) == list(TRANSPORTS)


def test_a_repeat_has_a_seed_of_its_own_that_all_transports_share() -> None:
    seeds = {(planned.repeat, planned.workload.seed) for planned in full_plan([TALK], TRANSPORTS)}
    assert seeds == {(0, 1), (1, 2)}


def test_beyond_a_limit_nothing_is_due_but_in_other_repeats_and_transports() -> None:
    plan = full_plan([STEPS], TRANSPORTS[:2])
    met = {planned.key: "servers" for planned in plan if planned.told("") == "b"}
    met.update({planned.key: "" for planned in plan if planned.told("") == "a"})
    due = {planned.key for planned in still_due(plan, met)}
    assert due == {planned.key for planned in plan} - met.keys() - {planned.key for planned in plan[2:6:3]}


@pytest.mark.parametrize(
    ("figures", "limit"),
    [
        ({}, Limit.NONE),
        ({"api_cpu_s": 6.0, "push_service_cpu_s": 3.5}, Limit.SERVERS),
        ({"api_cpu_s": 9.5, "generator_cpu_s": 9.5}, Limit.GENERATOR),
        ({"heartbeat_lag_p99_s": 0.03}, Limit.GENERATOR),
    ],
)
def test_what_gave_out_is_told_and_the_generator_comes_first(figures: dict[str, float], limit: Limit) -> None:
    measured = cell(BOTH)
    assert limit_of(replace(measured, figures={**measured.figures, **figures})) is limit


def test_a_push_that_takes_longer_than_its_budget_is_a_limit() -> None:
    late = [row._replace(received_s=106.0) for row in BOTH]
    pushed = replace(cell(late), planned=replace(PLANNED, transport=TRANSPORTS[2]))
    assert limit_of(pushed) is Limit.LATENCY


def test_an_interrupted_full_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Planned] = []
    monkeypatch.setattr(compare, "measure", lambda planned, *_: measured(planned, asked, interrupt_at=2))
    monkeypatch.setattr(compare.Run, "drawn", lambda *_: [])
    assert compare.compare_in_full([TALK], TRANSPORTS[:1], tmp_path / "full") == compare.INTERRUPTED
    monkeypatch.setattr(compare, "measure", lambda planned, *_: measured(planned, asked))
    assert compare.compare_in_full([TALK], TRANSPORTS[:1], tmp_path / "full") == 0
    assert [planned.repeat for planned in asked] == [0, 1, 1]
    assert not json.loads((tmp_path / "full" / MANIFEST).read_text())["partial"]


def measured(planned: Planned, asked: list[Planned], interrupt_at: int = 0) -> Cell:
    asked.append(planned)
    if len(asked) == interrupt_at:
        raise KeyboardInterrupt
    return cell(BOTH, planned=planned)


def test_what_was_being_written_when_the_machine_died_is_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RUN)
    folder.add(cell(BOTH))
    whole = contents(tmp_path)
    for name in (CELLS_FILE, DELIVERIES_FILE, KINDS_FILE):
        with (tmp_path / name).open("ab") as file:
            file.write(b"torn")
    assert list(RunFolder(tmp_path, RUN).done) == [PLANNED.key]
    assert contents(tmp_path) == whole


def contents(folder: Path) -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_a_run_is_not_taken_up_by_other_code_or_on_another_machine(tmp_path: Path) -> None:
    RunFolder(tmp_path, RUN)
    with pytest.raises(ValueError, match="differs in measured_code, machine"):
        RunFolder(tmp_path, {**RUN, "measured_code": {"servers": "decaf"}, "machine": {"cores": 64}})


def test_a_full_run_keeps_every_quantile_and_a_seeded_sample(tmp_path: Path) -> None:
    for name in ("one", "two"):
        RunFolder(tmp_path / name, RUN).add(cell(BOTH), samples_max=1)
    first, second = (gzip.decompress((tmp_path / name / DELIVERIES_FILE).read_bytes()) for name in ("one", "two"))
    assert first == second
    assert len(first.splitlines()) == 1 + 1
    (row,) = (tmp_path / "one" / KINDS_FILE).read_text().splitlines()[1:]
    assert row.endswith(",message,1,1,2,2,2" + 11 * ",0.5")
