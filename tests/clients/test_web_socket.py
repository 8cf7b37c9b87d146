"""The browser's WebSocket line: what is posted on a line that is opened again is sent again, and never forgotten."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parent / "twins" / "raw_websocket.mjs"


def test_a_command_whose_line_is_opened_again_is_a_broken_line_and_no_wait_for_ever() -> None:
    outcome = subprocess.run(["node", str(SCRIPT)], capture_output=True, text=True, check=True, timeout=60)
    assert outcome.stdout.strip() == "ConnectionLost"
