"""The charts and their sentences: drawn for unusual runs too, with no more than was measured."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from loadtests.experiments.bench.findings import BenchFinding, grown
from notebooks.analysis import headlines, wording
from notebooks.analysis.__main__ import CHARTS, app
from notebooks.analysis.figures import latency as latency_chart
from notebooks.analysis.figures import overview, price
from notebooks.analysis.figures.growth import draw as draw_growth
from notebooks.analysis.figures.style import picture, sheet
from notebooks.analysis.quantiles import latency, medians_ms
from notebooks.analysis.runs import load
from notebooks.analysis.summary import decision_table
from results.schema import CELLS_FILE, DELIVERIES_FILE, KINDS_FILE, MANIFEST
from tests.support.synthetic_run import ALL, SyntheticRun, write

PNG = b"\x89PNG"
PNG_BYTES_MAX = 15_000 * len(ALL)
ODD_RUNS = {
    "all transports": SyntheticRun(repeats=2),
    "one transport": SyntheticRun(slugs=["short_polling"]),
    "three transports": SyntheticRun(slugs=["long_polling", "raw_websocket", "pusher_adapter"]),
    "a single delivery each": SyntheticRun(users=1, messages=1),
    "an engine that is not counted": SyntheticRun(slugs=["short_polling", "long_polling"], sees_store=False),
    "a deployment": SyntheticRun(slugs=["raw_websocket"], deployment="separate-websocket-server"),
    "slow pushes": SyntheticRun(push_s={"raw_websocket": 20.0}),
    "a suspect and a void cell": SyntheticRun(
        repeats=2, verdicts={("long_polling", 0): "void", ("raw_websocket", 1): "suspect"}
    ),
}


@pytest.mark.parametrize("plan", ODD_RUNS.values(), ids=ODD_RUNS)
@pytest.mark.parametrize("chart", [overview, latency_chart, price], ids=lambda chart: chart.__name__.rpartition(".")[2])
def test_every_chart_draws_for_odd_runs_and_stays_small(tmp_path: Path, chart: ModuleType, plan: SyntheticRun) -> None:
    made = picture(chart.draw, load(write(tmp_path, plan)))
    for png in (made.png, made.narrow()):
        assert png.startswith(PNG)
        assert len(png) < PNG_BYTES_MAX


@pytest.mark.process
def test_the_command_draws_the_charts_into_the_run_and_prints_their_paths(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["charts", str(write(tmp_path, SyntheticRun()))]).stdout.splitlines()
    assert printed == [str(tmp_path / f"{name}.png") for name in CHARTS]
    assert all(Path(path).read_bytes().startswith(PNG) for path in printed)


def test_a_chart_that_is_drawn_again_has_the_same_bytes(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun()))
    assert picture(overview.draw, run).png == picture(overview.draw, run).png


@pytest.mark.parametrize(
    ("command", "damaged", "part", "said"),
    [
        ("charts", MANIFEST, None, "is not a run"),
        ("explore", MANIFEST, None, "is not a run"),
        ("charts", DELIVERIES_FILE, 0.5, "cut off"),
        ("summary", CELLS_FILE, 0.95, "cut off"),
        ("explore", CELLS_FILE, 0.95, "cut off"),
        ("explore", KINDS_FILE, 0, "cut off"),
        ("explore", CELLS_FILE, None, "not a whole run"),
    ],
)
def test_a_folder_that_is_no_whole_run_is_refused_with_a_sentence(
    tmp_path: Path, command: str, damaged: str, part: float | None, said: str
) -> None:
    path = write(tmp_path, SyntheticRun(repeats=2, slugs=["raw_websocket", "long_polling"])) / damaged
    if part is None:
        path.unlink()
    else:
        os.truncate(path, round(part * path.stat().st_size))
    outcome = CliRunner(env={"COLUMNS": "500"}).invoke(app, [command, str(tmp_path)])
    assert outcome.exit_code == 2
    assert said in outcome.output


def test_the_explorer_of_a_run_in_which_nothing_could_be_measured_is_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, SyntheticRun()) / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"settings": {}}))
    outcome = CliRunner(env={"COLUMNS": "500"}).invoke(app, ["explore", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "no cell could be measured" in outcome.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("{}", "ARGS=growth"),
        ('{"findings": [{"name": "fan-out", "values": [1.0], "grows_with": ""}]}', "ARGS=growth"),
    ],
)
def test_a_file_that_is_no_benchmark_is_refused_with_a_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    bench = tmp_path / "bench.json"
    if content:
        bench.write_text(content)
    outcome = CliRunner(env={"COLUMNS": "500"}).invoke(app, ["growth", str(bench)])
    assert outcome.exit_code == 2
    assert said in outcome.output


def test_the_headline_names_the_median_of_each_transport(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"], push_s={"raw_websocket": 0.5})))
    raw, long = (wording.duration(latency(run, slug).p50.value) for slug in ("raw_websocket", "long_polling"))
    expected = f"Half of all messages are seen within {raw} by raw WebSocket, {long} by long polling"
    assert headlines.latency_finding(run) == expected


def test_the_headlines_of_one_transport_name_it_and_its_price(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["pusher_adapter"])))
    assert headlines.latency_finding(run).endswith(" by Pusher adapter (local stand-in)")
    assert headlines.price_finding(run) == "Each delivery costs 0.2 HTTP requests"


def test_medians_that_differ_less_than_the_generators_error_are_one_figure(tmp_path: Path) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"])))
    assert headlines.latency_finding(run).endswith(" by both transports")
    run = load(write(tmp_path, SyntheticRun(push_s={"raw_websocket": 0.0041, "pusher_adapter": 0.009})))
    medians = medians_ms(run)
    (shared_ms,) = {medians[slug] for slug in ("long_polling", "raw_websocket", "server_sent_events")}
    assert shared_ms == max(latency(run, slug).p50.value for slug in medians if medians[slug] == shared_ms)
    assert len({*medians.values()}) > 1
    assert decision_table(run).text.count(f"| {wording.duration(shared_ms)} |") == 3


def test_the_evidence_counts_what_was_left_out_and_names_the_deployment(tmp_path: Path) -> None:
    verdicts = {("long_polling", 0): "void", ("raw_websocket", 0): "suspect"}
    slugs = ["long_polling", "raw_websocket", "pusher_adapter"]
    run = load(write(tmp_path, SyntheticRun(slugs=slugs, users=5, messages=40, verdicts=verdicts)))
    assert headlines.evidence(run) == (
        "400 deliveries of 40 messages, the same on 2 transports, 1 suspect cell, 1 void cell left out"
    )
    run = load(write(tmp_path, SyntheticRun(slugs=slugs, repeats=2, verdicts=verdicts)))
    assert headlines.evidence(run).startswith(
        "1,000 deliveries of up to 80 messages on each of 3 transports, 2 repeats,"
    )
    run = load(write(tmp_path, SyntheticRun(slugs=["raw_websocket"], deployment="single-server")))
    assert headlines.evidence(run) == "200 deliveries of 40 messages, on single-server"


def test_a_number_and_its_unit_stay_on_one_line_of_a_caption() -> None:
    place, _ = sheet(1.0, "Title", f"{'word ' * 20}at 100 ms: and {'more ' * 20}of 50 % in 3 s")
    lines = place.figure.texts[1].get_text().replace("\N{NO-BREAK SPACE}", "_").split("\n")
    assert len(lines) > 1 and {"100_ms:", "50_%", "3_s"} <= {word for line in lines for word in line.split()}


def test_durations_and_amounts_are_written_with_the_digits_that_matter() -> None:
    durations = {0: "0 ms", 1.64: "1.6 ms", 9.96: "10 ms", 24.2: "24 ms", 999.6: "1.00 s", 12_340: "12 s"}
    assert {ms: wording.duration(ms) for ms in durations} == durations
    amounts = {0: "0", 0.346: "0.35", 14.23: "14.2", 1250.4: "1,250"}
    assert {value: wording.amount(value) for value in amounts} == amounts


def test_a_price_that_differs_from_theory_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(write(tmp_path, SyntheticRun(slugs=["long_polling", "raw_websocket"])))
    assert price.REMARK not in " ".join(text.get_text() for text in price.draw(run).texts)
    monkeypatch.setattr(price, "remarks_on", lambda _, slug: ["too short"] if slug == "long_polling" else [])
    texts = [text.get_text() for text in price.draw(run).texts]
    assert {"Long polling *", "Raw WebSocket"} <= set(texts)
    assert f"\n* {price.REMARK}" in texts[1]


@pytest.mark.parametrize(
    ("largest", "quick", "title", "subtitle"),
    [
        (12.0, {}, "No cost is more than 20% higher at the largest size than at the smallest", "One run;"),
        (25.0, {"quick": False}, "From 10 to 1,000 rooms the cost grows most: 2.5 times", "One run;"),
        (25.0, {"quick": True}, "From 10 to 1,000 rooms the cost grows most: 2.5 times", "PREVIEW, not a measurement;"),
    ],
)
def test_a_chart_of_growth_names_the_cost_that_grows_most_and_marks_a_preview(
    tmp_path: Path, largest: float, quick: dict[str, bool], title: str, subtitle: str
) -> None:
    findings = [
        BenchFinding("another", "KiB", []),
        *(grown("rooms", "us of CPU", size, value) for size, value in ((10, 10.0), (1000, largest))),
        *(grown("users", "KiB of memory", size, 5.0) for size in (10, 1000)),
    ]
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps({"findings": [asdict(each) for each in findings]} | quick))
    first, second, *_ = (" ".join(text.get_text().split()) for text in draw_growth(bench).texts)
    assert first == title
    assert second.startswith(subtitle)
