"""Async tests run on asyncio, through anyio's plugin. What the tests need is looked for before the first of them."""

from collections.abc import Iterator

import pytest

from tests.engines import Engines, what_is_missing


def pytest_sessionstart() -> None:
    if said := what_is_missing():
        pytest.exit(said, returncode=3)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    running = Engines()
    yield running
    running.close()
