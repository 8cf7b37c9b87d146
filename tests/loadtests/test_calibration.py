"""Calibration: what counts as the load generator's own error, how long the stub delays, and a short calibration."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from unittest.mock import Mock

import pytest

from loadtests.accounts.deliveries import Delivery
from loadtests.experiments.calibration import record
from loadtests.experiments.calibration.record import CalibrationRow, ErrorQuantiles, errors_ms, row_of
from loadtests.experiments.calibration.stub_room import StubLog, StubRoom
from servers.core.wire import Page, Send
from servers.transports import TRANSPORTS, find
from tests.support.deadline import DEADLINE_S
from tests.support.loadtest_run import run_in_this_process

DELAYS_MS = [0.0, 20.0]
DELIVERY = Delivery(
    "calibration", "", "short_polling", 0, "message", "room-1", 1, "bob", False, True, 10.0, 10.001, 10.004, 10.027
)
ROW = CalibrationRow("short_polling", 200, "valid", ErrorQuantiles(100, 1.21, 4.0), {})


def test_the_error_is_the_latency_without_the_stubs_delay_and_an_unknown_delivery_is_refused() -> None:
    log = StubLog(arrived=[("room-1", 1, 10.003)], handed_out=[("room-1", 1, "bob", 10.0231)])
    errors = errors_ms([DELIVERY], log, DELAYS_MS)
    assert errors == {0.0: [], 20.0: [pytest.approx(27.0 - 20.1)]}
    row = row_of("short_polling", 20, "valid", errors)
    assert row.overall == row.by_delay["20"] == ErrorQuantiles(1, *errors[20.0] * 2)
    with pytest.raises(KeyError):
        errors_ms([DELIVERY], StubLog(arrived=[("room-1", 1, 10.003)]), DELAYS_MS)


def test_the_smallest_difference_that_is_claimed_is_the_worst_error_rounded_up() -> None:
    other = CalibrationRow("long_polling", 200, "valid", ErrorQuantiles(100, 0.9, 5.96), {})
    assert record.sentence([ROW, other]) == "differences below 1.3 ms at p50 and 6 ms at p99 are not claimed"


@pytest.mark.process
def test_the_newest_whole_calibration_of_this_machine_is_quoted(tmp_path: Path) -> None:
    assert record.COMMAND in record.on_record(tmp_path)
    machine, path = record.this_machine(), tmp_path / "calibration-plain.json"
    made = {"partial": False, "machine": machine, "load": {"link": "plain"}, "rows": [asdict(ROW)]}
    path.write_text(json.dumps(made))
    assert "below 1.3 ms at p50 and 4 ms at p99" in record.on_record(tmp_path)
    assert record.on_record(tmp_path, "h2") == f"{record.NONE_ON_RECORD} --link h2"
    for other in ({"machine": machine | {"name": "another"}}, {"partial": True}):
        path.write_text(json.dumps(made | other))
        assert record.on_record(tmp_path) == record.NONE_ON_RECORD


async def test_the_stub_delays_every_message_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StubLog()
    room = StubRoom("room-0", 0.005, log)
    received = asyncio.Queue[int]()

    def deliver(page: Page, encoded: bytes) -> None:
        room.record(page, "bob")
        for event in page.events:
            received.put_nowait(event.seq)

    room.listeners.add(Mock(deliver=deliver))
    turns = Mock(side_effect=room._release)
    monkeypatch.setattr(room, "_release", turns)
    acks = [room.send(Send(client_id=str(number), text="hi"), "ann", perf_counter()) for number in range(3)]
    assert room.after(0).events == ()
    await asyncio.sleep(0)
    assert turns.call_count == 1, "one turn for all that is held"
    async with asyncio.timeout(DEADLINE_S):
        assert [await received.get() for _ in acks] == [ack.seq for ack in acks] == [1, 2, 3]
    arrived = {seq: moment_s for _, seq, moment_s in log.arrived}
    assert all(moment_s - arrived[seq] >= 0.005 for _, seq, _, moment_s in log.handed_out)


@pytest.mark.xdist_group("measuring")
@pytest.mark.process
@pytest.mark.parametrize(
    ("link", "options"), [("plain", "--delay 20"), pytest.param("h2", "--link h2", marks=pytest.mark.drill)]
)
def test_a_calibration_records_the_error_of_every_transport(tmp_path: Path, link: str, options: str) -> None:
    command = f"calibrate --users 20 --seconds 1 --delay 0 {options}"
    printed = run_in_this_process(tmp_path, command)
    output = " ".join(printed.split())
    made = json.loads((tmp_path / f"calibration-{link}.json").read_text())
    assert [row["transport"] for row in made["rows"]] == [row.slug for row in TRANSPORTS]
    for row in made["rows"]:
        assert 0 < row["overall"]["p50_ms"] <= row["overall"]["p99_ms"]
    rows = record.rows_of(made)
    for slug, held in record.users_held(rows).items():
        assert f"{find(slug).label}: of the users that were tried, one generator holds {held:,}." in output
    assert record.sentence(rows) in output
    assert made["machine"]["cpu"] in output
    assert record.sentence(rows) in record.on_record(tmp_path, link)
    assert f"0 of {len(TRANSPORTS)} measurements are due" in run_in_this_process(tmp_path, command)
