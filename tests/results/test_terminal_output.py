"""The output of commands is legible at every width, in a file, without colour, and in every encoding."""

import io
import re
import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from loadtests.experiments.bench.findings import BenchFinding, Target, show
from loadtests.experiments.calibration import record
from loadtests.experiments.calibration.command import print_rows
from loadtests.experiments.calibration.record import CalibrationRow, ErrorQuantiles
from loadtests.reports import report
from loadtests.scenarios import SCENARIOS, Scenario
from notebooks.analysis.summary import summary
from results.plain_characters import ERROR_HANDLER, use_plain_characters
from results.terminal import PIPED_COLUMNS, PROSE_COLUMNS, FittedTable, TableColumn, TableRow, note
from results.terminal import console as console_of_stdout
from servers.transports import TRANSPORTS
from tests.support.loadtest_rows import BOTH, PAIR, PLANNED, cell
from tests.support.loadtest_run import ROOT
from tests.support.synthetic_run import SyntheticRun, write

FOLDERS = ("clients", "loadtests", "notebooks", "servers", "tests")
PACKAGES = sorted(path.parent.relative_to(ROOT) for name in FOLDERS for path in (ROOT / name).rglob("__main__.py"))
COMMANDS = [
    *map(".".join, (path.parts for path in PACKAGES)),
    "loadtests.harness.relay",
    "servers.deploy.empty_database",
]


class Table(NamedTuple):
    """texts: of which no word is cut. numbers: a heading, and a number that is right-aligned below it."""

    print_on: Callable[[Console, Path], None]
    texts: Sequence[str]
    numbers: Sequence[tuple[str, str]]


LONG_NOTE = "their deliveries per CPU-second over those of a bare server, 12,345 and 23,456; 210 bytes a frame; " * 3


def compared(console: Console, _: Path) -> None:
    talk = cell(BOTH)
    (messages,) = talk.kinds
    figures = talk.figures | {"delivered": 123_456.0, "expected": 123_456.0, "client_down_bytes": 123_456_789.0}
    typing = messages._replace(kind="typing", delivered=6_789, still_true=1_697, latency_p95_s=12.345)
    cells = [
        replace(talk, planned=replace(PLANNED, transport=row), figures=figures, kinds=(messages, typing))
        for row in TRANSPORTS
    ]
    report.print_cells(console, cells, Scenario("test", "", (PAIR,)))


def benched(console: Console, _: Path) -> None:
    name, target = "fan-out, 1,000 lines, 16 in flight", Target(20_000, at_least=True)
    missed = BenchFinding(name, "acknowledged/s", [12_345.6, 9.87], target)
    voids = ["one of 12,345 deliveries is missing"]
    met = BenchFinding("short polling, empty polls", "ratio", [0.91], Target(0.8, at_least=True), LONG_NOTE)
    show(console, [met, missed, BenchFinding("memory", "MiB", [], Target(16), "the server's growth", voids)])


def calibrated(console: Console, _: Path) -> None:
    error = ErrorQuantiles(123_456, 1.21, 14.05)
    delays = dict.fromkeys(("0", "5", "20", "100"), error)
    print_rows(
        console, [CalibrationRow(row.slug, 2000, "suspect", error, delays) for row in TRANSPORTS[:3]], TRANSPORTS
    )


def summarised(console: Console, folder: Path) -> None:
    verdicts = {("raw_websocket", 1): "suspect", ("long_polling", 0): "void"}
    console.print(summary(write(folder, SyntheticRun(repeats=3, verdicts=verdicts))))


LABELS = [row.label for row in TRANSPORTS]
QUESTIONS = [f"{row.name} {row.question}" for row in SCENARIOS]
TABLES: dict[str, Table] = {
    "compare": Table(compared, [*LABELS, "valid"], [("of due", "123,456"), ("p95", "12,345"), ("true", "25%")]),
    "bench": Table(benched, ["short polling, fan-out, memory", "met missed void"], [("median", "6,178")]),
    "calibrate": Table(calibrated, [*LABELS[:3], "suspect"], [("n", "123,456")]),
    "summary": Table(summarised, [*LABELS, "suspect"], [("requests", "0.45")]),
    "scenarios": Table(lambda console, _: report.print_scenarios(console), QUESTIONS, []),
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "this_machine", lambda: {"name": "host", "cpu": "a processor", "cores": 2})


def printed(name: str, width: int, encoding: str, folder: Path) -> str:
    """Return what a command prints at a width, read back from the bytes that were written."""
    use_plain_characters()
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding, ERROR_HANDLER)
    TABLES[name].print_on(Console(file=file, width=width, highlight=False), folder)
    file.flush()
    return written.getvalue().decode(encoding)


def ends(lines: Sequence[str], text: str) -> set[int]:
    """Return the columns at which a text ends, surrounded by spaces, in any of the lines."""
    pattern = re.compile(rf"(?<!\S){re.escape(text)}(?!\S)")
    return {found.end() for line in lines for found in pattern.finditer(line)}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_whole_at_every_width(name: str, width: int, tmp_path: Path) -> None:
    table = TABLES[name]
    text = printed(name, width, "utf-8", tmp_path)
    lines, words = text.splitlines(), set(text.split())
    assert max(map(len, lines)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert {word for text in table.texts for word in text.split()} <= words
    for heading, number in table.numbers:
        assert ends(lines, number) and ends(lines, number) <= ends(lines, heading)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_keeps_its_shape_in_an_encoding_with_few_characters(name: str, tmp_path: Path) -> None:
    plain, whole = (printed(name, 80, encoding, tmp_path) for encoding in ("ascii", "utf-8"))
    assert [len(line) for line in plain.splitlines()] == [len(line) for line in whole.splitlines()]
    assert plain.count("?") == whole.count("?")


def test_a_character_that_an_encoding_lacks_becomes_a_similar_one_or_a_question_mark() -> None:
    use_plain_characters()
    assert "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{SNOWMAN}".encode("ascii", ERROR_HANDLER) == b"cafe ?"


COLUMNS = (TableColumn("name", text=True), TableColumn("first", "ms", priority=2), TableColumn("second", priority=1))


def test_the_least_important_columns_are_left_out_first_and_named_below_the_table() -> None:
    table = FittedTable(COLUMNS, [TableRow(("anybody", "12", "3.4"))])
    assert [table.shown(width) for width in (40, 18, 10, 3)] == [[0, 1, 2], [0, 2], [0], [0]]
    console = Console(file=io.StringIO(), width=18, record=True)
    console.print(table)
    assert "Not shown at 18 columns: first ms." in " ".join(console.export_text().split())


@pytest.mark.parametrize(("columns", "width"), [("60", 60), (None, PIPED_COLUMNS), ("", PIPED_COLUMNS)])
def test_a_pipe_is_as_wide_as_columns_says_or_wide_enough(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert console_of_stdout().width == width


def test_explanations_in_a_pipe_are_wrapped_for_reading() -> None:
    console = Console(file=io.StringIO(), width=PIPED_COLUMNS, record=True)
    console.print(note(LONG_NOTE))
    assert 80 < max(map(len, console.export_text().splitlines())) <= PROSE_COLUMNS


def test_without_colour_every_verdict_is_still_a_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    written = io.StringIO()
    benched(Console(file=written, width=100, force_terminal=True, color_system="standard"), tmp_path)
    text = written.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)
    assert {"met", "missed", "void"} <= set(re.sub(r"\x1b\[[0-9;]*m", "", text).split())


@pytest.mark.parametrize(("deliveries", "is_warned"), [(999, True), (1000, False)])
def test_a_p99_of_fewer_than_1000_deliveries_has_a_warning(deliveries: int, is_warned: bool) -> None:
    console = Console(file=io.StringIO(), width=200, record=True)
    talk = cell(BOTH)
    few = replace(talk, figures=talk.figures | {"delivered": float(deliveries)})
    report.print_cells(console, [few], Scenario("test", "", (PAIR,)))
    assert ("A p99 of fewer than 1,000 deliveries" in console.export_text()) is is_warned


@pytest.mark.parametrize(("deliveries", "shown"), [(999, "1.2/-"), (1000, "1.2/14.1")])
def test_an_errors_p99_of_fewer_than_1000_deliveries_is_a_dash(deliveries: int, shown: str) -> None:
    console = Console(file=io.StringIO(), width=200, record=True)
    error = ErrorQuantiles(deliveries, 1.21, 14.05)
    print_rows(console, [CalibrationRow("short_polling", 2000, "valid", error, {"0": error})], TRANSPORTS)
    assert console.export_text().count(shown) == 2


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_written_even_in_ascii(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command, run_name="__main__")
    sys.stdout.flush()
    assert ended.value.code == 0
    assert "--help" in written.getvalue().decode("ascii")
