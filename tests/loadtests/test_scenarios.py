"""The scenarios: data that must hold together, and fit into the time that a full run may take."""

import pytest

from loadtests import choices
from loadtests.scenarios import SCENARIOS, Scenario, find, full_plan
from servers.transports import TRANSPORTS

FULL_RUN_S = 2 * 3600.0 / 5
DELIVERIES_PER_S_MAX = 1000  # a generator process holds that much on every transport


def test_a_full_run_of_all_scenarios_takes_at_most_two_hours_for_five_transports() -> None:
    about_s = sum(planned.workload.about_s for planned in full_plan(SCENARIOS, TRANSPORTS))
    assert about_s <= FULL_RUN_S * len(TRANSPORTS)


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
