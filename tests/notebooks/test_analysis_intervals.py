"""Intervals over repeats, and the summary that is made of them: what few repeats can say, and no more."""

from io import StringIO
from pathlib import Path
from random import Random
from statistics import median

import pytest
from rich.console import Console

from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.summary import summary
from tests.support.synthetic_run import SyntheticRun, write


def test_one_repeat_is_sure_of_nothing_but_itself() -> None:
    assert interval([4.0]) == Interval(4.0, 4.0, 4.0)
    assert f"{interval([4.0]):.1f}" == "4.0"


def test_without_repeats_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one repeat"):
        interval([])


@pytest.mark.parametrize("repeats", [[1.0, 2.0, 9.0], [5.0, 1.0, 3.0, 2.0, 4.0]])
def test_the_interval_of_few_repeats_is_their_range_around_their_median(repeats: list[float]) -> None:
    assert interval(repeats) == Interval(median(repeats), min(repeats), max(repeats))


def test_many_repeats_narrow_it() -> None:
    repeats = [Random(seed).gauss(100.0, 10.0) for seed in range(60)]
    found = interval(repeats)
    assert min(repeats) < found.low < found.value < found.high < max(repeats)
    assert found.high - found.low < 10.0


def test_it_is_the_percentile_interval_that_scipy_draws_from_the_same_seed() -> None:
    """The limits are what `scipy.stats.bootstrap(..., method="percentile")` of scipy 1.17 returned."""
    found = interval([Random(seed).gauss(100.0, 10.0) for seed in range(60)])
    assert (found.low, found.high) == pytest.approx((94.37615918689895, 103.10688213606986), rel=1e-12)


def test_it_is_written_with_its_limits_beneath() -> None:
    assert f"{Interval(1012.4, 990.6, 1040.2):,.0f}" == "1,012\n991\N{EN DASH}1,040"


def test_the_summary_counts_suspect_repeats_and_leaves_void_ones_out(tmp_path: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    text = printed(write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], repeats=3, verdicts=verdicts)))
    (raw,) = [line.split() for line in text.splitlines() if "Raw WebSocket" in line and "left out" not in line]
    (long,) = [line.split() for line in text.splitlines() if "Long polling" in line and "left out" not in line]
    assert raw[-3:] == ["3,", "1", "suspect"]
    assert long[-1] == "2"
    assert "left out: Long polling, repeat 0: the generator lagged" in text
    assert "3 of 4 for 3 repeats" in text


def printed(folder: Path) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary(folder))
    return console.export_text()
