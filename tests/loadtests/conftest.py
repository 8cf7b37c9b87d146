"""What the tests of the load tests share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests import compare
from loadtests.accounts.cell import Cell
from results.schema import MANIFEST

MeasureBy = Callable[[Callable[..., Cell]], None]
ReadManifest = Callable[[], dict[str, Any]]


@pytest.fixture
def measure_by(monkeypatch: pytest.MonkeyPatch) -> MeasureBy:
    """Return how to replace the measurement of a comparison, which then draws no charts."""

    def replace(measure: Callable[..., Cell]) -> None:
        monkeypatch.setattr(compare, "measure", measure)
        monkeypatch.setattr(compare.Run, "analyse", lambda *_: [])

    return replace


@pytest.fixture
def manifest(tmp_path: Path) -> ReadManifest:
    """Return how to read the manifest of the only run below the test's folder."""

    def read() -> dict[str, Any]:
        (path,) = tmp_path.glob(f"*/{MANIFEST}")
        return dict(json.loads(path.read_text()))

    return read
