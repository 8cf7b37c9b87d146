"""An id that holds the time at which its message was written, the same in Python and in the browser."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from clients.client_ids import latency_ms, new_client_id

SCRIPT = """
const { newClientId, writtenAtMs } = await import(process.argv[1]);
console.log(JSON.stringify({ id: newClientId(), readMs: writtenAtMs(process.argv[2]) ?? null }));
"""
MODULE = Path(__file__).parents[2] / "clients" / "web" / "lane" / "client_ids.js"


def in_node(client_id: str) -> dict[str, str | float | None]:
    command = ["node", "--input-type=module", "-e", SCRIPT, "--", MODULE.as_uri(), client_id]
    answer: dict[str, str | float | None] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


@pytest.mark.process
def test_each_reads_what_the_other_wrote() -> None:
    ours = new_client_id()
    answer = in_node(ours)
    assert answer["readMs"] == float(ours.partition("-")[0])
    took = latency_ms(str(answer["id"]), time.time_ns() / 1e6)
    assert took is not None
    assert took < 10_000


@pytest.mark.process
@pytest.mark.parametrize("client_id", ["", "8f3a", "1732400000000-ab", "x1732400000000.1-ab"])
def test_an_id_without_a_time_gives_none(client_id: str) -> None:
    assert latency_ms(client_id, 1e13) is None
    assert in_node(client_id)["readMs"] is None


def test_ids_written_at_once_differ() -> None:
    ids = {new_client_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"\d{13}\.\d-[0-9a-f]{8}", each) for each in ids)
