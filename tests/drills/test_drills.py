"""Whatever fails of a deployment costs time, and no acknowledged message."""

import pytest

from results.schema import DRILLS as COLUMNS
from tests.drills import report
from tests.drills.drills import DRILLS, Drill, Size, drill, new_version, push_server_killed

pytestmark = pytest.mark.anyio
SHORT = Size(people=4, every_s=0.4, before_s=1.0, after_s=1.5)
IN_CI = (push_server_killed, new_version)
GIVEN = [
    pytest.param(given, id=str(given), marks=() if given.failure in IN_CI else pytest.mark.drill) for given in DRILLS
]


@pytest.mark.parametrize("given", GIVEN)
async def test_a_failure_costs_no_acknowledged_message(given: Drill) -> None:
    came_of_it = await drill(given, SHORT)
    assert came_of_it.messages >= SHORT.people * SHORT.before_s / SHORT.every_s
    assert (came_of_it.lost, came_of_it.duplicates, came_of_it.out_of_order) == (0, 0, 0)
    assert came_of_it.seen_offline == 0
    assert came_of_it.deliveries == came_of_it.messages * SHORT.people
    assert set(report.row(given, 0, came_of_it, 0.0)) == {column.name for column in COLUMNS}
