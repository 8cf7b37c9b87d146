"""What tests of the servers' core start with: a clock that a test moves, and an embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servers.core.store import Store, open_store
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path}/chat.db", clock)
    yield opened
    await opened.close()
