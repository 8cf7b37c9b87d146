"""A record of many short measurements: what is kept of them, and what is measured again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.reports.trials import ATTEMPTS_MAX, Row, Trial, keep, repeat_if_lagging
from results.schema import Column

TABLES = {"rows": (Column("name", "str", "", ""), Column("lost", "int64", "", ""))}


def kept(folder: Path, *makes: Callable[[], Row]) -> tuple[int, dict[str, object]]:
    """Keep a trial of each; return the exit status and what was written."""
    trials = [Trial("rows", {"name": str(number)}, make) for number, make in enumerate(makes)]
    status = keep(trials, {"how": "tested"}, TABLES, folder / "new" / "record.json", Cores(None, None))
    return status, json.loads((folder / "new" / "record.json").read_text())


def fail() -> Row:
    raise NotMeasured("the server ended")


def test_of_each_row_the_columns_are_kept_and_the_record_is_whole(tmp_path: Path) -> None:
    status, made = kept(tmp_path, lambda: {"lost": 0, "other": 1.0}, lambda: {"lost": 0, "other": 2.0})
    assert (status, made["how"], made["partial"]) == (0, "tested", False)
    assert made["rows"] == [{"name": "0", "lost": 0}, {"name": "1", "lost": 0}]


def test_what_could_not_be_measured_leaves_the_record_partial_and_the_rest_in_it(tmp_path: Path) -> None:
    status, made = kept(tmp_path, fail, lambda: {"lost": 0})
    assert (status, made["partial"], made["rows"]) == (1, True, [{"name": "1", "lost": 0}])


def test_a_lost_delivery_fails_the_command(tmp_path: Path) -> None:
    status, made = kept(tmp_path, lambda: {"lost": 1})
    assert (status, made["partial"]) == (1, True)


@pytest.mark.parametrize(
    ("lags_s", "counted_s", "trials"),
    [((0.001,), 0.001, 1), ((0.5, 0.001), 0.001, 2), ((0.5, 0.6, 0.7, 0.001), 0.7, ATTEMPTS_MAX)],
)
def test_what_the_generator_lagged_at_is_measured_again_but_not_for_ever(
    lags_s: tuple[float, ...], counted_s: float, trials: int
) -> None:
    left = iter(lags_s)
    assert repeat_if_lagging(lambda: {"heartbeat_lag_p99_s": next(left)}) == {
        "heartbeat_lag_p99_s": counted_s,
        "trials": trials,
    }
