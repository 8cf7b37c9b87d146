"""The benchmark's own parts: how its readers parse bytes, in which order legs run, and how a ratio is judged."""

import json
from contextlib import nullcontext
from pathlib import Path
from statistics import StatisticsError
from unittest.mock import Mock

import pytest
from playwright.sync_api import Error as BrowserError
from websockets.frames import Frame, Opcode

from loadtests.experiments.bench import __main__ as command
from loadtests.experiments.bench import demo_page, growth
from loadtests.experiments.bench.__main__ import measured
from loadtests.experiments.bench.findings import BenchFinding, Target, compared
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.readers import PING, SWITCHING, TEXT, Message, Reader, ValueReader
from loadtests.experiments.bench.sizes import QUICK
from servers.deploy.child_process import ChildFailed

RESPONSE = b"HTTP/1.1 200 OK\r\ndate: today\r\nContent-Length: 5\r\n\r\nhello"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"


def server_frame(body: bytes, opcode: int = TEXT) -> bytes:
    return Frame(Opcode(opcode), body).serialize(mask=False)


def read(reader: Reader | ValueReader, stream: bytes, step: int) -> list[Message]:
    """Return what a reader finds in a stream that comes in pieces of `step` bytes."""
    return [message for at in range(0, len(stream), step) for message in reader.feed(stream[at : at + step])]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000, 70_001])
def test_responses_and_frames_are_read_whole_however_they_are_cut(step: int) -> None:
    assert read(Reader(), RESPONSE * 3, step) == [Message(200, b"hello")] * 3
    bodies = [b"", b"x" * 125, b"x" * 126, b"x" * 65_535, b"x" * 65_536]
    frames = [*map(server_frame, bodies), server_frame(b"?", PING), server_frame(b"\x03\xe8", Opcode.CLOSE)]
    messages = read(Reader(), SWITCH + b"".join(frames), step)
    assert [message.kind for message in messages] == [SWITCHING, *[TEXT] * len(bodies), PING, Opcode.CLOSE]
    assert [message.body for message in messages[1:-2]] == bodies


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_each_occurrence_of_a_value_is_found_once_however_it_is_cut(step: int) -> None:
    stream = b"data: abab\r\n\r\ndata: ab\r\n"
    assert read(ValueReader(b"ab"), stream, step) == [Message(TEXT, b"ab")] * 3


def test_the_legs_of_a_pair_take_turns_in_going_first() -> None:
    legs = Mock(ours=Mock(return_value=3.0), baseline=Mock(return_value=2.0))
    pairs = Pairs()
    for _ in range(3):
        pairs.measure(legs.ours, legs.baseline)
    order = [name for name, _, _ in legs.mock_calls]
    assert order == ["ours", "baseline", "baseline", "ours", "ours", "baseline"]
    assert pairs.ratios == [1.5, 1.5, 1.5]


def test_a_pair_whose_deliveries_do_not_add_up_is_void_with_a_reason() -> None:
    pairs = Pairs()
    pairs.measure(Mock(side_effect=Void("one is missing")), lambda: 1.0)
    finding = compared("fan-out", pairs, Target(0.8, at_least=True), "")
    assert (finding.values, finding.voids, finding.verdict) == ([], ["one is missing"], "void")


@pytest.mark.parametrize(
    "failure", [Void("one is missing"), ChildFailed("it ended"), BrowserError("too late"), StatisticsError("no frame")]
)
def test_a_measurement_that_fails_is_void_with_a_reason(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "measure", Mock(side_effect=failure))
    assert measured("growth", QUICK) == [BenchFinding("growth", "", [], voids=[str(failure)])]


@pytest.mark.process
@pytest.mark.parametrize("quick", [True, False])
def test_what_was_measured_before_an_interruption_is_on_disk(
    quick: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "reserved", lambda *_: nullcontext())
    monkeypatch.setattr(growth, "measure", Mock(return_value=[growth.ROOMS(10, 2.5)]))
    monkeypatch.setattr(demo_page, "measure", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        command.main(["growth", "demo_page"], quick)
    (path,) = tmp_path.glob("bench-*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["quick"] is quick
    assert [(row["grows_with"], row["size"], row["values"]) for row in record["findings"]] == [
        ("rooms with a log", 10, [2.5])
    ]


def test_a_finding_is_judged_by_its_median() -> None:
    assert BenchFinding("", "ratio", [0.7, 0.9, 0.8], Target(0.8, at_least=True)).verdict == "met"
    assert BenchFinding("", "ratio", [1.2, 1.0, 1.2], Target(1.15)).verdict == "missed"
    assert BenchFinding("", "KiB", [1.0]).verdict == ""
