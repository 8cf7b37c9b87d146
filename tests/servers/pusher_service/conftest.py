"""The push service for its tests: without a network, or as a process that the tests of a module share."""

from collections.abc import Iterator

import pusher
import pytest

from tests.support.pusher_harness import PusherHarness
from tests.support.pusher_process import official_api, push_service


@pytest.fixture
def harness() -> PusherHarness:
    return PusherHarness()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with push_service() as running:
        yield running.address


@pytest.fixture
def api(address: str) -> Iterator[pusher.Pusher]:
    with official_api(address) as api:
        yield api
