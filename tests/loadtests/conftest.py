"""What the tests of the load tests share."""

from collections.abc import Callable

import pytest

from loadtests import compare
from loadtests.accounts.cell import Cell

MeasureBy = Callable[[Callable[..., Cell]], None]


@pytest.fixture
def measure_by(monkeypatch: pytest.MonkeyPatch) -> MeasureBy:
    """Return how to replace the measurement of a comparison, which then draws no charts."""

    def replace(measure: Callable[..., Cell]) -> None:
        monkeypatch.setattr(compare, "measure", measure)
        monkeypatch.setattr(compare.Run, "analyse", lambda *_: [])

    return replace
