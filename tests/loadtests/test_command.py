"""`python -m loadtests compare` around its measurements: the files, the exit status, the table, the options."""

import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Event
from unittest.mock import Mock

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from loadtests import compare
from loadtests.__main__ import app
from loadtests.accounts.rows import Received
from loadtests.choices import choose_generators, with_changes
from loadtests.harness import cores
from loadtests.harness.manifest import describe
from loadtests.reports import report
from loadtests.reports.run_folder import RunFolder, new_folder
from loadtests.scenarios import CONVERSATION, PREVIEW, Scenario, find
from servers.deploy import engines
from servers.transports import RENTED, TRANSPORTS, Transport
from tests.support.loadtest_rows import BOTH, PAIR, PLANNED, cell
from tests.support.loadtest_run import cells_below, manifest_below, measure_by

pytestmark = pytest.mark.xdist_group("measuring")  # these take the cores, though they measure nothing

SCENARIO = Scenario("test", "Does it work?", (PAIR,))
SLUGS = [row.slug for row in TRANSPORTS]
REFUSED = tomllib.loads(Path(__file__).with_name("refused.toml").read_text(encoding="utf-8"))


def test_two_runs_of_one_minute_have_a_folder_each(tmp_path: Path) -> None:
    assert RunFolder(new_folder(tmp_path, "test"), {}).path != new_folder(tmp_path, "test")


@pytest.mark.process
@pytest.mark.parametrize(
    ("deliveries", "late_s", "status"), [(BOTH, 0.0, 0), (BOTH[:1], 0.0, compare.FAILED), (BOTH, 1.0, 0)]
)
def test_a_loss_fails_a_comparison_and_a_lag_only_leaves_it_without_charts(
    deliveries: list[Received], late_s: float, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_by(monkeypatch, lambda *_: cell(deliveries, late_s))
    analyse = Mock(return_value=[])
    monkeypatch.setattr(compare.Run, "analyse", analyse)
    assert compare.compare_transports(SCENARIO, TRANSPORTS[:1], tmp_path) == status
    assert analyse.called == (deliveries == BOTH and not late_s)
    assert [row["delivered"] for row in cells_below(tmp_path)] == [str(len(deliveries))], "a void cell is kept"


@pytest.mark.process
def test_a_comparison_interrupted_before_its_first_cell_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure_by(monkeypatch, KeyboardInterrupt)
    assert compare.compare_transports(SCENARIO, TRANSPORTS[:2], tmp_path) == compare.INTERRUPTED
    assert compare.compare_in_full([SCENARIO], TRANSPORTS[:2], tmp_path / "full") == compare.INTERRUPTED
    assert list(tmp_path.iterdir()) == []
    printed = capsys.readouterr().out
    assert printed.count("nothing is kept") == 2
    assert "Everything is in" not in printed


@pytest.mark.process
def test_a_run_whose_charts_fail_is_kept_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "measure", lambda *_: cell(BOTH))
    monkeypatch.setattr(compare, "ANALYSIS_S", 0.0)
    assert compare.compare_transports(SCENARIO, TRANSPORTS[:1], tmp_path) == compare.FAILED
    assert not manifest_below(tmp_path)["partial"]


@pytest.mark.parametrize(("users", "room_size"), [(4, 4), (7, 7), (15, 5), (24, 8), (40, 10), (13, 10)])
def test_rooms_shrink_until_a_crowd_fills_them_unless_everybody_would_be_alone(users: int, room_size: int) -> None:
    (load,) = with_changes(CONVERSATION, {"users": users}).workloads
    assert (load.users, load.room_size) == (users, room_size)
    assert "largest equal rooms" in unwrapped(run(["compare", "--help"]))


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda row: row.slug)
def test_what_is_not_counted_of_a_rented_push_service_is_said_where_it_is_used(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "push_service", lambda: RENTED)
    console = Console(width=400, record=True, file=StringIO())
    report.print_cells(console, [replace(cell(BOTH), planned=replace(PLANNED, transport=transport))], SCENARIO)
    said = "the bytes between the API and it, are not counted" in console.export_text()
    assert said is transport.needs_push_service


@pytest.mark.parametrize(("command", "reason"), REFUSED.items())
def test_a_bad_value_is_refused_with_a_reason(command: str, reason: str) -> None:
    result = run(command.split())
    assert result.exit_code == 2
    assert reason in unwrapped(result)


def test_a_store_whose_engine_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "program", lambda name: None if name == "redis-server" else name)
    missing = "this machine lacks redis-server; on Debian apt-get install redis-server"
    assert missing in unwrapped(run(["compare", "--store", "redis"]))


@pytest.mark.parametrize(("users", "generators", "used"), [(40, 4, "1, 2, 3, 4"), (6, 3, "1, 2, 3"), (5, 1, "1")])
def test_generators_use_the_cores_that_the_servers_do_not_use_as_far_as_they_share_evenly(
    monkeypatch: pytest.MonkeyPatch, users: int, generators: int, used: str
) -> None:
    monkeypatch.setattr(cores, "usable", lambda: [0, 1, 2, 3, 4])
    monkeypatch.setattr(sys, "platform", "linux")
    scenario = with_changes(CONVERSATION, {"users": users})
    assert choose_generators("auto", [scenario]) == generators
    assert cores.choose(generators).label == f"servers on core 0; load generator and sampler on core {used}"


def test_a_measurement_waits_for_cores_that_another_one_uses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cores.LOCKS, str(tmp_path))
    waiting = Event()
    both = cores.choose()

    def second() -> None:
        with cores.reserved(both, lambda _: waiting.set()):
            pass

    with ThreadPoolExecutor() as pool:
        with cores.reserved(both, lambda _: pytest.fail("nobody else measures")):
            other = pool.submit(second)
            assert waiting.wait(30)
            assert not other.done()
        other.result(30)


def test_a_table_has_a_line_of_theory_for_each_transport() -> None:
    shown = table_of(SCENARIO)
    assert shown.count("theory") == len(TRANSPORTS)
    assert "Still true" not in shown, "there are only messages"


@pytest.mark.process
def test_a_preview_takes_less_than_a_minute_and_is_marked_in_its_table_and_manifest() -> None:
    marked = [scenario for scenario in (SCENARIO, PREVIEW) if "PREVIEW, not a measurement" in table_of(scenario)]
    assert marked == [PREVIEW]
    assert describe([PREVIEW], SLUGS, cores.choose())["preview"]
    assert not describe([CONVERSATION], SLUGS, cores.choose())["preview"]
    assert sum(one.about_s for one in PREVIEW.planned(TRANSPORTS)) < 55


@pytest.mark.parametrize("command", ["compare", "calibrate", "capture", "shared_store", "deployments", "hosted"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_is_measured(command: str) -> None:
    result = run([command, "--out", "/dev/null/x"])
    assert result.exit_code == 2
    assert "Invalid value for '--out': /dev/null/x: nothing can be kept there, since /dev/null is no" in result.output


def test_a_scenario_says_which_transport_it_leaves_out_and_why() -> None:
    printed = StringIO()
    console = Console(width=200, file=printed)
    report.print_duration(console, [], [CONVERSATION, *map(find, ("proxy", "compression"))])
    said = [line for line in printed.getvalue().splitlines() if "leaves out the Pusher adapter: " in line]
    assert [line.split()[2] for line in said] == ["proxy", "compression"]


def table_of(scenario: Scenario) -> str:
    """Return the tables of a comparison in which each transport delivered everything."""
    console = Console(width=100, record=True, file=StringIO())
    rows = [replace(cell(BOTH), planned=replace(PLANNED, transport=transport)) for transport in TRANSPORTS]
    report.print_cells(console, rows, scenario)
    return console.export_text()


def run(arguments: list[str]) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})


def unwrapped(result: Result) -> str:
    """Return what a command printed, without the box around an error."""
    return " ".join(result.output.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
