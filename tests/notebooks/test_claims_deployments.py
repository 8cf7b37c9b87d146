"""Claims about the three ways out: each verdict follows from parts, drills, bills and code, and changes with them."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from notebooks.analysis.claims import deployments
from notebooks.analysis.claims.claim import Evidence, Finding, Verdict
from notebooks.analysis.deployments.reports import MANAGED, SEPARATE, SINGLE
from notebooks.analysis.runs import ROOT, BrokenRun
from results.schema import CELLS_FILE, CODE_COMPARISON_FILE, OUTAGES_FILE, PARTS_FILE, SHARED_STORE_FILE

REFERENCE = ROOT / "results" / "reference"
HOLDS, WHEN, NO_LONGER = Verdict.HOLDS, Verdict.HOLDS_WHEN, Verdict.NO_LONGER
Test = Callable[[Evidence], Finding]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the reference, to change."""
    for path in REFERENCE.iterdir():
        if path.suffix in (".json", ".csv", ".gz"):
            shutil.copy(path, tmp_path)
    return tmp_path


@contextmanager
def changed(path: Path) -> Iterator[Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    yield found
    path.write_text(json.dumps(found), encoding="utf-8")


REFERENCE_VERDICTS = {
    deployments.easy_setup: WHEN,
    deployments.free_tier: WHEN,
    deployments.external_dependency: HOLDS,
    deployments.no_external_service: WHEN,
    deployments.two_servers: HOLDS,
    deployments.more_complex: WHEN,
    deployments.scale_yourself: HOLDS,
    deployments.single_server: HOLDS,
    deployments.more_expensive: WHEN,
    deployments.speaks_at_once: NO_LONGER,
    deployments.relays_as_it_came: WHEN,
}


@pytest.mark.parametrize(
    ("test", "verdict"), REFERENCE_VERDICTS.items(), ids=lambda each: getattr(each, "__name__", "")
)
def test_the_reference_judges_each_claim_by_a_figure(test: Test, verdict: Verdict) -> None:
    found = test(Evidence(REFERENCE))
    assert (found.verdict, bool(found.figure)) == (verdict, True)


def test_a_second_process_that_costs_nothing_contradicts_the_claim(folder: Path) -> None:
    with changed(folder / SHARED_STORE_FILE) as made:
        for row in made["loads"]:
            row["api_cpu_s"] = row["store_cpu_s"] = row["push_service_cpu_s"] = 0.1
    assert deployments.scale_yourself(Evidence(folder)).verdict is NO_LONGER


@pytest.mark.parametrize(
    ("example", "lines", "verdict"),
    [("Pusher chat in Python", 20, HOLDS), ("Pusher in JavaScript, without an API", 13, NO_LONGER)],
)
def test_the_setup_is_as_easy_as_its_lines(folder: Path, example: str, lines: int, verdict: Verdict) -> None:
    with changed(folder / CODE_COMPARISON_FILE) as code:
        code[example]["lines"] = lines
    assert deployments.easy_setup(Evidence(folder)).verdict is verdict


def test_a_free_tier_that_lasts_the_whole_day_holds(folder: Path) -> None:
    cells = pd.read_csv(folder / CELLS_FILE, keep_default_na=False)
    cells.loc[cells["scenario"] == "conversation", "measured_s"] *= 100.0
    cells.to_csv(folder / CELLS_FILE, index=False)
    assert deployments.free_tier(Evidence(folder)).verdict is HOLDS


def test_a_vendor_that_nobody_misses_is_no_dependency(folder: Path) -> None:
    with changed(folder / OUTAGES_FILE) as report:
        for row in report["outages"]:
            row["silent_s"] = 0.1
    assert deployments.external_dependency(Evidence(folder)).verdict is NO_LONGER


def test_a_message_lost_by_the_single_server_counts_against_it(folder: Path) -> None:
    with changed(folder / OUTAGES_FILE) as report:
        of_it = [row for row in report["outages"] if row["deployment"] == SINGLE]
        of_it[0]["lost"] = 1
    found = deployments.single_server(Evidence(folder))
    assert found.verdict is NO_LONGER
    assert f"1 of {1 + sum(row['deliveries'] for row in of_it):,} deliveries lost" in found.figure


def test_lines_that_break_with_the_api_are_told(folder: Path) -> None:
    with changed(folder / OUTAGES_FILE) as report:
        killed = [
            row for row in report["outages"] if (row["deployment"], row["failure"]) == (SEPARATE, "api_host_killed")
        ]
        killed[0] |= {"connections_broken": 3, "unacknowledged_s": 2.5}
    assert "3 lines broke, and a send waited 2.5 s" in deployments.two_servers(Evidence(folder)).figure


@pytest.mark.parametrize(
    ("test", "part", "value"),
    [
        (deployments.no_external_service, "rented", ["push_service"]),
        (deployments.two_servers, "own", ["server", "store"]),
        (deployments.more_complex, "links", []),
    ],
)
def test_other_parts_give_another_verdict(folder: Path, test: Test, part: str, value: list[str]) -> None:
    with changed(folder / PARTS_FILE) as parts:
        parts["separate-websocket-server"][part] = value
    assert test(Evidence(folder)).verdict is NO_LONGER


def test_a_server_that_answers_for_all_it_costs_less_is_not_more_expensive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deployments, "COMPARED", ((SINGLE, ""), (MANAGED, "")))
    assert deployments.more_expensive(Evidence(REFERENCE)).verdict is NO_LONGER


def test_code_that_works_as_written_is_said_to_work(folder: Path) -> None:
    with changed(folder / CODE_COMPARISON_FILE) as code:
        for each in code["WebSocket in JavaScript, as written"]["in_node"]:
            each["result"] = {"received": "Hello!", "type": "String"}
    evidence = Evidence(folder)
    assert deployments.speaks_at_once(evidence) == Finding(
        HOLDS, "node: 'Hello!' was heard", "In this run nothing spoke against it."
    )
    assert deployments.relays_as_it_came(evidence).verdict is HOLDS


def test_a_run_without_the_reports_says_what_makes_them(folder: Path) -> None:
    (folder / OUTAGES_FILE).unlink()
    with pytest.raises(BrokenRun, match=r"has no outages\.json: `python -m tests\.outages` makes it"):
        deployments.single_server(Evidence(folder))
