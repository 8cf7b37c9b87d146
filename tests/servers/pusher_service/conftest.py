"""What the tests of the push service share."""

import pytest

from tests.support.pusher_harness import PusherHarness


@pytest.fixture
def harness() -> PusherHarness:
    return PusherHarness()
