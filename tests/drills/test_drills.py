"""The drills at a size that fits a test run: nothing acknowledged is lost, and no input makes a listener fail."""

import json
from itertools import cycle, islice
from pathlib import Path
from unittest.mock import Mock

import pytest

from results.schema import VICTIMS
from servers.transports import TRANSPORTS, find
from tests.drills import __main__ as command
from tests.drills import faults, fuzz, kills, soak

pytestmark = pytest.mark.process
INPUTS, SOAK_S = 5_000, 5.0
BATCHES = [
    (store, row.slug)
    for row, turn in zip(TRANSPORTS, cycle(kills.STORES))
    for store in kills.STORES
    if row.needs_push_service or store == turn
]
"""The push service on each store, and every other transport on one store in turn; `make drills` runs all pairs."""

TRIED = [("stopped", "single-server"), ("clock", "raw_websocket")]  # these need neither Redis nor a namespace
FAULTS = [key for key in faults.plan(1.0) if (key["fault"], key["where"]) in TRIED]
"""The faults that are tried here; `make drills` has all, also those that need a namespace of their own."""


@pytest.mark.xdist_group("drills-kills")
@pytest.mark.parametrize(("store", "transport"), BATCHES)
def test_a_kill_costs_no_acknowledged_message(store: str, transport: str) -> None:
    victims = {"server", *({"worker", "engine"} if store != "sqlite" else ())}
    victims |= {"push_service"} if find(transport).needs_push_service else set()
    count = len(victims) + 1  # each once, and the first again
    row = kills.row({"store": store, "transport": transport, "kills": count, "turn": 0})
    assert not command.has_fault(row), row
    assert row["deliveries"] == kills.SIZE.people * row["messages"] > 0
    killed = {column.name.removeprefix("killed_"): row[column.name] for column in VICTIMS}
    assert {name for name, times in killed.items() if times} == victims
    assert sum(killed.values()) == count


@pytest.mark.xdist_group("drills-fuzz")
@pytest.mark.parametrize("part", fuzz.plan(INPUTS), ids=lambda part: str(part["listener"]))
def test_no_input_makes_a_listener_fail(part: command.Key) -> None:
    row = fuzz.row(part)
    assert not command.has_fault(row), row
    assert row["passed"] >= row["refused"], "most inputs must get past the first check, or they test nothing else"


def test_a_soak_loses_nothing_and_measures_every_transport() -> None:
    rows = list(soak.rows(soak.plan(SOAK_S)))
    assert [row for row in rows if command.has_fault(row)] == []
    measured = {row["transport"] for row in rows if row["messages"] and row["memory_bytes"]}
    assert measured == {row.slug for row in TRANSPORTS}


def test_a_count_of_what_went_wrong_is_a_fault_unless_it_is_zero() -> None:
    wrong = ["lost", "duplicates", "out_of_order", "failed", "tracebacks"]
    assert [name for name in ("messages", *wrong) if command.has_fault({name: 1})] == wrong
    assert not command.has_fault(dict.fromkeys(wrong, 0))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["what"]))
def test_a_fault_costs_no_acknowledged_message(fault: command.Key) -> None:
    row = faults.row(fault)
    assert not command.has_fault(row), row
    assert row["deliveries"] == faults.SIZE.people * row["messages"] > 0


def test_a_drill_resumes_after_its_last_row_and_does_nothing_once_complete(tmp_path: Path) -> None:
    path = tmp_path / "kills.jsonl"
    plan = [{"turn": turn} for turn in range(3)]
    for _ in range(3):
        command.resume(path, plan, lambda todo: (dict(key) for key in islice(todo, 2)))  # interrupted after two
    assert [row["turn"] for row in command.read(path)] == [0, 1, 2]


def test_a_soak_that_was_interrupted_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, *others = soak.plan(SOAK_S)
    (tmp_path / "soak.jsonl").write_text(f"{json.dumps(done)}\n")
    begun = Mock(return_value=iter([]))
    monkeypatch.setattr(soak, "rows", begun)
    monkeypatch.setattr(command, "record", Mock(return_value=True))
    with pytest.raises(SystemExit):
        command.main("soak", soak_s=SOAK_S, out=tmp_path)
    begun.assert_called_once_with([done, *others])
