"""The parts of the deployments: what was committed is what is counted today."""

import json

import pytest

from results.schema import PARTS_FILE
from servers.deploy.deployments import OPTIONS
from tests.outages import parts
from tests.outages.report import FOLDER

pytestmark = pytest.mark.process


def test_the_committed_parts_are_those_that_run_today() -> None:
    committed = (FOLDER / PARTS_FILE).read_text(encoding="utf-8")
    assert parts.encoded(parts.counted()) == committed, "python -m tests.outages.parts"
    assert list(json.loads(committed)) == [option.name for option in OPTIONS]
