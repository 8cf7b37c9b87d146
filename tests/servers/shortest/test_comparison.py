"""The comparison of the shortest chats: its committed counts are up to date."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from results.schema import CODE_COMPARISON_FILE
from servers.shortest import compare
from tests.support.deadline import DEADLINE_S

ROOT = Path(__file__).parents[3]


@pytest.mark.process
def test_the_committed_comparison_is_what_is_counted_today() -> None:
    committed = json.loads((ROOT / "results" / "reference" / CODE_COMPARISON_FILE).read_text(encoding="utf-8"))
    assert compare.compare() == committed, "count again: python -m servers.shortest.compare results/reference"
    assert compare.FILE == CODE_COMPARISON_FILE


@pytest.mark.process
def test_the_module_that_counts_can_be_imported_on_a_machine_without_git(tmp_path: Path) -> None:
    """An empty folder as PATH hides git. This process has imported the module, which sets the variable."""
    env = {name: value for name, value in os.environ.items() if name != "GIT_PYTHON_REFRESH"} | {"PATH": str(tmp_path)}
    command = [sys.executable, "-c", "import servers.shortest.compare"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=DEADLINE_S)
