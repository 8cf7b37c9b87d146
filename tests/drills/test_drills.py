"""Whatever fails of a deployment costs time, and no acknowledged message."""

import json

import pytest

from results.schema import DRILLS as COLUMNS
from results.schema import DRILLS_FILE
from servers.deploy.options import OPTIONS, Option
from tests.drills import report, told
from tests.drills.drills import DRILLS, Drill, Size, drill, new_version, push_server_killed

pytestmark = pytest.mark.anyio
SHORT = Size(people=4, every_s=0.4, before_s=1.0, after_s=1.5)
IN_CI = (push_server_killed, new_version)
GIVEN = [
    pytest.param(given, id=str(given), marks=() if given.failure in IN_CI else pytest.mark.drill) for given in DRILLS
]


REPORT = json.loads((report.FOLDER / DRILLS_FILE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("given", GIVEN)
async def test_a_failure_costs_no_acknowledged_message(given: Drill) -> None:
    came_of_it = await drill(given, SHORT)
    assert came_of_it.messages >= SHORT.people * SHORT.before_s / SHORT.every_s
    assert (came_of_it.lost, came_of_it.duplicates, came_of_it.out_of_order) == (0, 0, 0)
    assert came_of_it.seen_offline == 0
    assert came_of_it.deliveries == came_of_it.messages * SHORT.people
    assert set(report.row(given, 0, came_of_it, 0.0)) == {column.name for column in COLUMNS}


def test_the_committed_report_is_of_every_drill_and_lost_nothing() -> None:
    assert {(row["option"], row["drill"]) for row in REPORT["drills"]} == {(d.option.name, d.name) for d in DRILLS}
    assert all(set(row) == {column.name for column in COLUMNS} for row in REPORT["drills"])
    assert [row for row in REPORT["drills"] if row["lost"] or row["duplicates"] or row["out_of_order"]] == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_options_page_tells_what_the_report_found(option: Option) -> None:
    text = told.page(option.name).read_text(encoding="utf-8")
    assert told.table(REPORT, option.name) in text
