"""An id that says when its message was written, the same in Python and in the browser."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from clients.written import new_id, took_ms

SCRIPT = """
const { newId, writtenAtMs } = await import(process.argv[1]);
console.log(JSON.stringify({ id: newId(), readMs: writtenAtMs(process.argv[2]) ?? null }));
"""
MODULE = Path(__file__).parents[2] / "clients" / "web" / "lane" / "written.js"


def in_node(client_id: str) -> dict[str, str | float | None]:
    command = ["node", "--input-type=module", "-e", SCRIPT, "--", MODULE.as_uri(), client_id]
    answer: dict[str, str | float | None] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


@pytest.mark.process
def test_each_reads_what_the_other_wrote() -> None:
    ours = new_id()
    answer = in_node(ours)
    assert answer["readMs"] == float(ours.partition("-")[0])
    took = took_ms(str(answer["id"]), time.time_ns() / 1e6)
    assert took is not None
    assert took < 10_000


@pytest.mark.process
@pytest.mark.parametrize("client_id", ["", "8f3a", "1732400000000-ab", "x1732400000000.1-ab"])
def test_an_id_that_does_not_say_is_not_guessed_at(client_id: str) -> None:
    assert took_ms(client_id, 1e13) is None
    assert in_node(client_id)["readMs"] is None


def test_ids_written_at_once_differ() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"\d{13}\.\d-[0-9a-f]{8}", each) for each in ids)
