"""Records of many trials: which rows are kept, when a trial is made again, and how a record is written."""

import json
from functools import partial
from itertools import count
from math import nan
from pathlib import Path
from unittest.mock import Mock

import pytest

from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.reports.trials import ATTEMPTS_MAX, Row, Trial, as_json, keep, one_line, repeat_if_lagging
from results.schema import Column

TABLES = {"rows": (Column("name", "str", "", ""), Column("lost", "int64", "", ""))}


def test_a_record_is_resumed_on_the_same_machine_and_starts_again_on_another(tmp_path: Path) -> None:
    made: list[str] = []
    starts = (f"2026-11-28T10:00:0{second}+00:00" for second in count())

    def measured(machine: str, interrupted_at: str = "") -> list[str]:
        def make(name: str) -> Row:
            if name == interrupted_at:
                raise KeyboardInterrupt
            made.append(f"{machine} {name}")
            return {"lost": 0}

        planned = [Trial("rows", {"name": name}, partial(make, name)) for name in "abc"]
        facts = {"measured_code": "1", "machine": machine, "hosts": {machine: 1}}
        record = facts | {"started_at": next(starts)}
        keep(planned, record, TABLES, tmp_path / "record.json", Cores(None, None))
        kept = json.loads((tmp_path / "record.json").read_text())
        return [kept["partial"], *kept["hosts"], *(row["name"] for row in kept["rows"])]

    for machine, interrupted_at in (("old", "c"), ("new", "b")):
        with pytest.raises(KeyboardInterrupt):
            measured(machine, interrupted_at)
    assert measured("new") == [False, "new", "a", "b", "c"]
    whole = (tmp_path / "record.json").read_bytes()
    assert measured("new") == [False, "new", "a", "b", "c"], "a record that is complete"
    assert (tmp_path / "record.json").read_bytes() == whole
    assert made == ["old a", "old b", "new a", "new b", "new c"]
    with pytest.raises(KeyboardInterrupt):
        measured("third", interrupted_at="a")
    assert (tmp_path / "record.json").read_bytes() == whole, "nothing is replaced before a row is measured"
    assert measured("third") == [False, "third", "a", "b", "c"]
    assert (tmp_path / "record-2026-11-28T10-00-01.json").read_bytes() == whole, "and the old one is kept"
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"record.json", "record-2026-11-28T10-00-00.json", "record-2026-11-28T10-00-01.json"}


@pytest.mark.parametrize(
    ("result", "kept", "is_partial"),
    [
        ({"lost": 0, "other": 1.0}, [0], False),
        (NotMeasured("the server ended"), [], True),
        ({"lost": 1}, [1], True),
        ({"lost": nan}, [None], False),
    ],
)
def test_a_record_keeps_the_tables_columns_and_is_partial_after_a_failure_or_a_loss(
    tmp_path: Path, result: Row | NotMeasured, kept: list[int], is_partial: bool
) -> None:
    path = tmp_path / "new" / "record.json"
    makes = Mock(side_effect=[result]), Mock(return_value={"lost": 0})
    planned = [Trial("rows", {"name": str(number)}, make) for number, make in enumerate(makes)]
    status = keep(planned, {"how": "tested"}, TABLES, path, Cores(None, None))
    made = json.loads(path.read_text())
    assert (status, made["how"], made["partial"]) == (int(is_partial), "tested", is_partial)
    assert made["rows"] == [*({"name": "0", "lost": count} for count in kept), {"name": "1", "lost": 0}]


@pytest.mark.parametrize(
    ("lags_s", "counted_s", "attempts"),
    [((0.001,), 0.001, 1), ((0.5, 0.001), 0.001, 2), ((0.5, 0.6, 0.7, 0.001), 0.7, ATTEMPTS_MAX)],
)
def test_a_trial_is_repeated_while_the_generator_lags(
    lags_s: tuple[float, ...], counted_s: float, attempts: int
) -> None:
    left = iter(lags_s)
    found = repeat_if_lagging(lambda: {"heartbeat_lag_p99_s": next(left)})
    assert found == {"heartbeat_lag_p99_s": counted_s, "trials": attempts}


def test_a_record_is_valid_json_with_a_line_for_each_row() -> None:
    made = {"commit": "0", "rows": [{"a": float("nan"), "b": 1}, {"a": 2.0, "b": 2}]}
    text = as_json(made, ["rows"])
    assert json.loads(text) == {"commit": "0", "rows": [{"a": None, "b": 1}, {"a": 2.0, "b": 2}]}
    assert '    {"a": 2.0, "b": 2}\n' in text


def test_a_row_is_printed_with_its_texts_and_main_figures() -> None:
    row: dict[str, str | float] = {"name": "x", "reason": "", "latency_p50_s": 0.123456789, "lost": 0, "timeouts": 3}
    assert one_line(row) == "x, latency_p50_s 0.12346, lost 0"
