"""The parts of the deployments: the committed record is what is counted today."""

import pytest

from results.schema import PARTS_FILE
from tests.outages.__main__ import REFERENCE
from tests.outages.parts import as_json

pytestmark = pytest.mark.process


def test_the_committed_parts_are_those_that_run_today() -> None:
    committed = (REFERENCE / PARTS_FILE).read_text(encoding="utf-8")
    assert as_json() == committed, "python -m tests.outages.parts"
