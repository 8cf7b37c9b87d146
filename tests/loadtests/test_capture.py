"""Captures by the load tests: the recorders see every byte, on every link, in both directions and in order."""

import json
import subprocess
from pathlib import Path

import pytest

from loadtests.experiments.capture import command, pusher_js
from loadtests.harness.distance import Link
from loadtests.plan.workload import Workload
from notebooks.analysis.wire import fallbacks
from notebooks.analysis.wire.captures import captures, wire_messages
from notebooks.analysis.wire.labels import label
from results.schema import CAPTURES_FILE
from servers.transports import find
from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process

LOAD = Workload(users=2, room_size=2, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.5, text_bytes=24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record one transport that has every link and one that has a single one, and write it down as the command does."""
    folder = tmp_path_factory.mktemp("capture")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(command, "TRANSPORTS", (find("pusher_adapter"), find("short_polling")))
        patched.setattr(command, "CONVERSATION", LOAD)
        patched.setattr(pusher_js, "PAIRS", 1)
        assert command.capture(folder) == 0
    return folder


def test_every_link_is_recorded_both_ways_in_order(folder: Path) -> None:
    pieces, polled = json.loads((folder / CAPTURES_FILE).read_text())["transports"].values()
    assert {piece["link"] for piece in polled} == {Link.API}
    assert {(piece["link"], piece["up"]) for piece in pieces} == {(link, up) for link in Link for up in (True, False)}
    moments = [piece["at_s"] for piece in pieces]
    assert moments == sorted(moments)
    assert moments[0] < 0 < moments[-1], "the ramp comes before the window"


def test_a_capture_can_be_parsed_and_nothing_is_left_over(folder: Path) -> None:
    capture = captures(folder / CAPTURES_FILE)["pusher_adapter"]
    messages = wire_messages(capture)
    streams = [*capture.up.values(), *capture.down.values()]
    assert sum(each.size for each in messages) == sum(len(stream.data) for stream in streams)
    published = [each for each in messages if label(each) == "push this: new message"]
    pushed = [each for each in messages if each.kind == "frame" and label(each) == "new message"]
    assert 0 < 2 * len(published) == len(pushed)


def test_a_file_that_is_to_be_kept_and_is_missing_is_named_before_anything_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pusher_js, "record_networks", lambda: pytest.fail("it records"))
    assert command.capture(tmp_path, only_pusher_js=True) == 1
    assert str(tmp_path / CAPTURES_FILE) in "".join(capsys.readouterr().out.split()), "however the line is wrapped"


def test_the_vendors_own_client_does_not_outlive_its_parent() -> None:
    nobody = json.dumps({"key": "key", "host": "127.0.0.1", "port": 1, "channel": "room", "event": "event", "count": 1})
    subprocess.run(["node", pusher_js.SCRIPT, nobody], input=b"", check=True, timeout=DEADLINE_S)


def test_the_vendors_own_client_falls_back_and_every_byte_is_recorded(folder: Path) -> None:
    found = fallbacks.pusher_js(folder / CAPTURES_FILE)
    assert [client.transport for client in found.values()] == ["ws", "xhr_streaming", "xhr_polling"]
    for client in found.values():
        messages = wire_messages(client.capture)
        streams = [*client.capture.up.values(), *client.capture.down.values()]
        assert sum(each.size for each in messages) == sum(len(stream.data) for stream in streams)
        assert b"Upgrade: websocket" in messages[0].parts[1].data, "it tries a WebSocket first"
        published = [each.kind for each in messages if fallbacks.PUBLISHED in each.content]
        assert published == 2 * ["frame" if client.transport == "ws" else "chunk"]
        assert all(latency_ms >= client.one_way_delay_ms for pair in client.latencies_ms for latency_ms in pair)
    polling = wire_messages(found["behind a buffering proxy"].capture)
    first, second = (index for index, each in enumerate(polling) if fallbacks.PUBLISHED in each.content)
    assert any(each.up for each in polling[first:second]), "its next request must get there first"
