"""Whatever fails of a deployment costs time, and no acknowledged message."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from results.schema import DRILLS as COLUMNS
from results.schema import DRILLS_FILE
from servers.core.wire import Event
from servers.deploy.deployments import OPTIONS, Option
from tests.outages import __main__ as command
from tests.outages import report, told
from tests.outages.outages import DRILLS, Drill, Drilled, Size, drill, new_version, push_server_killed
from tests.outages.outcome import Outcome, outcome
from tests.outages.people import Person

pytestmark = pytest.mark.anyio
SHORT = Size(people=4, every_s=0.4, before_s=1.0, after_s=1.5)
IN_CI = (push_server_killed, new_version)
GIVEN = [
    pytest.param(given, id=str(given), marks=() if given.failure in IN_CI else pytest.mark.drill) for given in DRILLS
]

REPORT = json.loads((report.FOLDER / DRILLS_FILE).read_text(encoding="utf-8"))


@pytest.mark.process
@pytest.mark.parametrize("given", GIVEN)
async def test_a_failure_costs_no_acknowledged_message(given: Drill) -> None:
    came_of_it = await drill(given, SHORT)
    assert came_of_it.messages >= SHORT.people
    assert (came_of_it.lost, came_of_it.duplicates, came_of_it.out_of_order) == (0, 0, 0)
    assert came_of_it.seen_offline == 0
    assert came_of_it.deliveries == came_of_it.messages * SHORT.people
    assert set(report.row(given, 0, came_of_it, 0.0)) == {column.name for column in COLUMNS}


def test_a_line_is_down_from_the_look_that_finds_it_so_to_the_one_that_does_not_however_far_apart() -> None:
    person = Person(FakeClient())  # type: ignore[arg-type]
    for now_s, was_down, is_up in ((1.0, False, True), (2.0, False, False), (5.0, True, False), (6.0, True, True)):
        person.note_line(now_s, was_down, is_up)
    person.note_line(9.0, False, False)
    assert person.broken == [(2.0, 6.0), (9.0, 9.0)]
    came_of_it = outcome([person], began_s=4.0, over_s=9.0)
    assert (came_of_it.lines_broken, came_of_it.reconnecting_s) == (1, 2.0)
    assert outcome([person], began_s=9.5, over_s=9.6).lines_broken == 0


class FakeClient:
    """A client that nobody asks anything."""


async def nothing_happens(drilled: Drilled) -> None:
    """Leave the deployment alone."""


@pytest.mark.process
async def test_a_message_that_somebody_never_hears_is_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    hear = Person.note

    def half_deaf(person: Person, event: Event) -> None:
        if (person.client.account.name, event.body) != ("Person 0", "Person 1 0"):
            hear(person, event)

    monkeypatch.setattr(Person, "note", half_deaf)
    short = Size(people=2, every_s=0.1, before_s=0.3, after_s=0.3, catch_up_s=3.0)
    came_of_it = await drill(Drill(OPTIONS[-1], nothing_happens), short)
    assert came_of_it.lost == 1
    assert came_of_it.deliveries == came_of_it.messages * short.people - 1
    assert f"1 of {came_of_it.messages * short.people} deliveries never come" in came_of_it.sees()


@pytest.mark.process
@pytest.mark.parametrize("lost", [0, 1])
def test_a_loss_is_told_and_is_the_commands_status(lost: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def drilled(given: Drill, size: Size) -> Outcome:
        return replace(told.worst(REPORT["drills"]), lost=lost)

    for option in OPTIONS:
        (tmp_path / option.name).write_text(f"{told.BEGINS}\n{told.ENDS}\n", encoding="utf-8")
    monkeypatch.setattr(command, "drill", drilled)
    monkeypatch.setattr(report, "write", partial(report.write, folder=tmp_path))
    monkeypatch.setattr(told, "page", tmp_path.joinpath)
    with pytest.raises(SystemExit) as ended:
        command.main(repeats=1, only=new_version.__name__)
    assert ended.value.code == lost
    rows = json.loads((tmp_path / DRILLS_FILE).read_text(encoding="utf-8"))["drills"]
    assert [row["lost"] for row in rows] == [lost] * len(OPTIONS)
    assert all(("| never |" in (tmp_path / option.name).read_text(encoding="utf-8")) == lost for option in OPTIONS)


def test_the_committed_report_is_of_every_drill_and_lost_nothing() -> None:
    assert {(row["option"], row["drill"]) for row in REPORT["drills"]} == {(d.option.name, d.name) for d in DRILLS}
    assert all(set(row) == {column.name for column in COLUMNS} for row in REPORT["drills"])
    assert [row for row in REPORT["drills"] if row["lost"] or row["duplicates"] or row["out_of_order"]] == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_options_page_tells_what_the_report_found(option: Option) -> None:
    text = told.page(option.name).read_text(encoding="utf-8")
    assert told.table(REPORT, option.name) in text
