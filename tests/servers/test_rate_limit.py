"""The rate limit: a bucket for each user, on a clock that the test moves."""

import pytest

from loadtests.scenarios import PREVIEW, SCENARIOS
from servers.core.errors import TooMany
from servers.core.rate_limit import USERS_MAX, RateLimit
from servers.core.settings import Settings
from tests.support.clock import FakeClock


def test_a_burst_is_accepted_and_then_so_many_a_second(clock: FakeClock) -> None:
    limit = RateLimit(clock, per_s=2, burst=10)
    for _ in range(10):
        limit.check("ada")
    with pytest.raises(TooMany) as refusal:
        limit.check("ada")
    assert refusal.value.retry_after_s == pytest.approx(0.5)
    clock.advance(refusal.value.retry_after_s)
    limit.check("ada")
    with pytest.raises(TooMany):
        limit.check("ada")


def test_users_do_not_share_a_limit_and_refusals_do_not_lengthen_it(clock: FakeClock) -> None:
    limit = RateLimit(clock, per_s=1, burst=1)
    limit.check("ada")
    limit.check("bob")
    for _ in range(100):
        with pytest.raises(TooMany):
            limit.check("ada")
    clock.advance(1)
    limit.check("ada")


def test_a_million_users_are_not_all_remembered_and_the_busiest_is(clock: FakeClock) -> None:
    limit = RateLimit(clock, per_s=1, burst=1000)
    for _ in range(1000):
        limit.check("busy")
    for number in range(3 * USERS_MAX):
        limit.check(str(number))
    assert limit.cached <= USERS_MAX
    with pytest.raises(TooMany):
        limit.check("busy")


def test_no_scenario_comes_near_the_limit() -> None:
    """By the commands that a user of a load sends a second; whoever comes joins, and goes again."""
    for load in (load for scenario in (*SCENARIOS, PREVIEW) for load in scenario.workloads):
        commands_per_s = load.rate_per_s + load.typing_per_s + load.receipts_per_s + 2 * load.comings_per_s
        assert commands_per_s < Settings().commands_per_s / 100
