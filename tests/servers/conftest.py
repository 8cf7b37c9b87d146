"""What tests of the servers' core start with: a clock that a test moves, and stores, embedded ones and others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servers.core.store import Store, open_store
from servers.deploy.engines import ENGINES
from tests.support.clock import FakeClock
from tests.support.engines import Engines


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", *(pytest.param(scheme, marks=pytest.mark.process) for scheme in ENGINES)])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(scheme: str, tmp_path: Path, engines: Engines) -> str:
    """Return the URL of an empty store, of each kind in turn."""
    return f"sqlite:///{tmp_path}/chat.db" if scheme == "sqlite" else engines.fresh_url(scheme)


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path}/chat.db", clock)
    yield opened
    await opened.close()
