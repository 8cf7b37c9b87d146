"""A server restarted in the middle of a load: everybody comes back, and every message still comes exactly once."""

import pytest

from loadtests.accounts.cell import Cell
from loadtests.accounts.samples import Return
from loadtests.plan.workload import Workload
from loadtests.rig.cores import Cores
from loadtests.rig.measurement import measure
from loadtests.rig.restarts import CALM, Storm
from loadtests.scenarios import Planned
from results.schema import CELLS
from servers.transports import find

pytestmark = pytest.mark.process

LOAD = Workload(users=8, room_size=4, rate_per_s=1.0, poll_interval_s=0.5, measured_s=6.0, restart_at_s=1.0)


@pytest.fixture(scope="module")
def restarted() -> Cell:
    """Return what was measured; the generator may lag on a busy machine, so only counts are tested."""
    return measure(Planned(find("raw_websocket"), "churn", LOAD), Cores(None, None), lambda _: None)


def test_after_a_restart_every_acknowledged_message_reached_everyone_exactly_once(restarted: Cell) -> None:
    assert restarted.verdict.adds_up, restarted.verdict.reason
    assert restarted.figures["delivered"] == restarted.figures["expected"] == 4 * restarted.number("messages") > 0


def test_all_lines_broke_and_all_came_back_which_cost_a_request_each(restarted: Cell) -> None:
    assert restarted.figures["storm_returns"] == restarted.figures["storm_requests"] == LOAD.users
    assert 0 < restarted.number("storm_p50_s") <= restarted.number("storm_max_s") < LOAD.measured_s


def test_what_both_servers_counted_is_added_up(restarted: Cell) -> None:
    """But for what the old one still did between its last reading and its end."""
    assert restarted.number("command_frames") > 0.7 * restarted.number("messages")
    assert restarted.number("connections") == LOAD.users
    assert restarted.number("api_cpu_s") > 0


def test_what_is_counted_stays_a_whole_number(restarted: Cell) -> None:
    counted = [column.name for column in CELLS if column.dtype == "int64"]
    assert {name: type(restarted.figures[name]) for name in counted} == dict.fromkeys(counted, int)


def test_a_storm_is_timed_from_when_the_server_was_ready() -> None:
    returns = [Return(0, 9.0, 9.9, 1), Return(1, 9.0, 11.0, 2), Return(2, 9.5, 13.0, 3)]
    figures = Storm(ready_s=10.0, requests_before=5.0).figures(returns, {"requests_upkeep": 8.0})
    assert figures == {
        "storm_returns": 3,
        "storm_p50_s": 1.0,
        "storm_p95_s": pytest.approx(2.8),
        "storm_max_s": 3.0,
        "storm_requests": 3.0,
    }


def test_without_a_restart_there_is_no_storm() -> None:
    assert set(CALM.figures([], {"requests_upkeep": 8.0}).values()) == {0}
