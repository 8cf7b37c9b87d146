"""The growth chart: it names the cost that grows most, and says so if none does."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from loadtests.experiments.bench.findings import BenchFinding, Growth
from notebooks.analysis.figures.growth import headline, points

ROOMS, USERS = Growth("rooms", "us of CPU"), Growth("users", "KiB of memory")


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        (12.0, "No cost is more than 20% higher at the largest size than at the smallest"),
        (25.0, "From 10 to 1,000 rooms the cost grows most: 2.5 times"),
    ],
)
def test_the_headline_says_which_cost_grows_most(tmp_path: Path, largest: float, expected: str) -> None:
    findings = [
        BenchFinding("another", "KiB", []),
        *(ROOMS.finding(size, value) for size, value in ((10, 10.0), (1000, largest))),
        *(USERS.finding(size, 5.0) for size in (10, 1000)),
    ]
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"findings": [asdict(each) for each in findings]}))
    assert headline(points(bench)) == expected


def test_a_benchmark_without_growth_is_refused_with_the_command_that_measures_it(tmp_path: Path) -> None:
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"findings": [{"name": "fan-out", "values": [1.0], "grows_with": ""}]}))
    with pytest.raises(ValueError, match="ARGS=growth"):
        points(bench)
