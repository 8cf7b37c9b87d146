"""The comparison of the shortest chats: what was committed is what is counted today, and what it is quoted for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from results.schema import CODE_COMPARISON_FILE
from servers.shortest import compare, in_node
from servers.shortest.written import written

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "results" / "reference"


@pytest.fixture(scope="module")
def committed() -> str:
    return (REFERENCE / CODE_COMPARISON_FILE).read_text(encoding="utf-8")


@pytest.mark.process
def test_the_committed_comparison_is_what_is_counted_today(committed: str) -> None:
    assert compare.encoded(compare.compare()) == committed, "python -m servers.shortest.compare results/reference"


def test_the_file_is_where_the_schema_says() -> None:
    assert compare.FILE == CODE_COMPARISON_FILE


def test_the_chat_through_pusher_has_more_of_every_part(committed: str) -> None:
    found = json.loads(committed)
    raw, rented = found["WebSocket chat in Python"], found["Pusher chat in Python"]
    for part in ("lines", "processes", "endpoints", "speaker_lines", "server_lines"):
        assert raw[part] < rented[part]
    assert raw["person_lines"] == rented["person_lines"] == 1
    assert (len(raw["credentials"]), len(rented["credentials"])) == (0, 3)


def test_only_code_is_counted(tmp_path: Path) -> None:
    python, javascript = tmp_path / "a.py", tmp_path / "a.mjs"
    python.write_text('"""Doc."""\n\nimport os\nimport httpx\n\n# why\nkey = os.environ["PUSHER_KEY"]\n')
    javascript.write_text('// why\nimport Pusher from "pusher";\nimport { it } from "./it.mjs";\n\nit(Pusher);\n')
    found = written([python, javascript], ["pusher-js"])
    assert found.lines == 6
    assert found.packages == ("httpx", "pusher", "pusher-js")
    assert found.credentials == ("PUSHER_KEY",)


def test_the_javascript_as_written_throws_and_then_relays_text_as_binary(committed: str) -> None:
    as_written, corrected = (
        [each["told"] for each in json.loads(committed)[f"WebSocket in JavaScript, {which}"]["in_node"]]
        for which in ("as written", "corrected")
    )
    assert [("threw" in told, told.get("as")) for told in as_written] == [(True, None), (False, "Buffer")]
    assert corrected == [{"heard": "Hello!", "as": "String"}]


@pytest.mark.process
def test_a_server_that_does_not_start_is_told_in_nodes_own_words() -> None:
    with pytest.raises(RuntimeError, match="Cannot find module"):
        in_node.told("no_such_server.mjs", "websocket_client_corrected.mjs")


@pytest.mark.process
def test_lines_are_counted_on_a_machine_without_git(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "GIT_PYTHON_REFRESH"} | {"PATH": str(tmp_path)}
    command = [sys.executable, "-c", "import servers.shortest.written"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=30)
