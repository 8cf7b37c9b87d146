"""The comparison of the shortest chats: its committed counts are up to date, and support what is said of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from results.schema import CODE_COMPARISON_FILE
from servers.shortest import compare

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def committed() -> Any:
    return json.loads((ROOT / "results" / "reference" / CODE_COMPARISON_FILE).read_text(encoding="utf-8"))


@pytest.mark.process
def test_the_committed_comparison_is_what_is_counted_today(committed: Any) -> None:
    assert compare.compare() == committed, "count again: python -m servers.shortest.compare results/reference"
    assert compare.FILE == CODE_COMPARISON_FILE


def test_the_chat_through_pusher_has_more_of_every_part(committed: Any) -> None:
    raw, rented = committed["WebSocket chat in Python"], committed["Pusher chat in Python"]
    for part in ("lines", "processes", "endpoints", "sender_connections", "server_connections"):
        assert raw[part] < rented[part]
    assert raw["listener_connections"] == rented["listener_connections"] == 1
    assert (len(raw["credentials"]), len(rented["credentials"])) == (0, 3)


def test_only_code_is_counted(tmp_path: Path) -> None:
    python = tmp_path / "a.py"
    python.write_text(
        '"""Doc\nfrom the start."""\n\nimport os\nimport httpx\n\n# why\nkey = os.environ["PUSHER_KEY"]\n'
    )
    javascript = tmp_path / "a.mjs"
    javascript.write_text('// why\nimport Pusher from "pusher";\nimport { it } from "./it.mjs";\n\nit(Pusher);\n')
    assert compare.count([python, javascript], ["pusher-js"]) == {
        "lines": 6,
        "packages": ["httpx", "pusher", "pusher-js"],
        "credentials": ["PUSHER_KEY"],
    }


@pytest.mark.process
def test_a_server_that_does_not_start_is_reported_in_nodes_own_words() -> None:
    with pytest.raises(RuntimeError, match="Cannot find module"):
        compare.result_of("no_such_server.mjs", compare.CLIENT_CORRECTED)


@pytest.mark.process
def test_the_module_that_counts_can_be_imported_on_a_machine_without_git(tmp_path: Path) -> None:
    """An empty folder as PATH hides git. This process has imported the module, which sets the variable."""
    env = {name: value for name, value in os.environ.items() if name != "GIT_PYTHON_REFRESH"} | {"PATH": str(tmp_path)}
    command = [sys.executable, "-c", "import servers.shortest.compare"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=30)
