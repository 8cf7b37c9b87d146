"""The analysis of hosted.json: the rule that judges a transport on a host, the theory, and the claims."""

import re
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from notebooks.analysis.claims import rented as claims
from notebooks.analysis.claims.claim import Evidence, Verdict
from notebooks.analysis.runs import ROOT, BrokenRun
from notebooks.analysis.serverless import Hosted, HostedRow, Outcome, judge, load_hosted
from results.schema import HOSTED, HOSTED_FILE
from servers.transports import TRANSPORTS
from tests.support.claims import REFERENCE, changed, judged

HOSTS = ("classic-hobby", "classic-pro", "fluid-2026", "fluid-2026, 10 s")
CLASSIC, _, FLUID, SHORT = HOSTS
WORKS, DEGRADED, FAILS = Outcome
ROUND = {"users": 8, "connected": 8, "measured_s": 50.0, "messages": 10, "response_p50_s": 0.004}


def row_with(**figures: Any) -> HostedRow:
    """Return a row of a transport that works; figures: those that are not 0."""
    return HostedRow([{column.name: 0 for column in HOSTED} | ROUND | figures])


@pytest.mark.parametrize(
    ("figures", "outcome", "reasons"),
    [
        ({}, WORKS, ()),
        ({"connected": 7}, FAILS, ("7 of 8 connect",)),
        ({"connected": 0, "measured_s": 30.0}, FAILS, ("0 of 8 connect",)),
        ({"messages": 0}, FAILS, ("not all could send",)),
        ({"timeouts": 1}, DEGRADED, ("cut once",)),
        ({"cut_streams": 2, "cut_sockets": 1}, DEGRADED, ("cut 3 times",)),
        ({"seen_offline": 2}, DEGRADED, ("seen offline 2 times",)),
        ({"throttled": 4}, DEGRADED, ("4 requests refused",)),
        ({"held_gb_s": 199.0}, WORKS, ()),
        ({"held_gb_s": 200.0}, DEGRADED, ("billed for waiting",)),
        ({"invocation_s": 400.0, "held_gb_s": 100.0}, WORKS, ()),
        ({"cold_starts": 9, "send_retries": 3}, WORKS, ()),
    ],
)
def test_a_transport_is_judged_by_figures(figures: dict[str, Any], outcome: Outcome, reasons: tuple[str, ...]) -> None:
    assert judge(row_with(**figures)) == (outcome, reasons)


def test_a_connection_that_outlasts_the_limit_is_cut_though_the_window_is_too_short_to_see_it() -> None:
    assert judge(row_with(), cuts_per_hour=12) == (DEGRADED, ("12 cuts an hour in theory",))
    assert judge(row_with(cut_sockets=1), cuts_per_hour=12) == (DEGRADED, ("cut once",))


def test_hosts_without_websockets_come_first_and_transports_as_in_the_registry() -> None:
    hosted = load_hosted(REFERENCE)
    assert tuple(hosted.hosts) == HOSTS
    assert hosted.slugs == tuple(row.slug for row in TRANSPORTS)
    assert isnan(hosted.row("raw_websocket", CLASSIC).median_ms)
    start_s = hosted.row("short_polling", CLASSIC).figures["cold_start_min_s"]
    assert [hosted.is_cold("short_polling", CLASSIC, took_s) for took_s in (0.99 * start_s, start_s)] == [False, True]
    delivered = sum(row.figures["delivered"] for row in hosted.rows.values())
    assert hosted.evidence.startswith(f"{delivered:,} deliveries, none lost")


def test_theory_bills_the_whole_hour_when_held_and_each_response_when_polling(tmp_path: Path) -> None:
    with changed(tmp_path / HOSTED_FILE) as record:
        for row in record["hosted"]:
            row.update(ROUND)
    hosted = load_hosted(tmp_path)
    sent_s = 3600 * 10 / (8 * 50) * 0.004
    assert hosted.predicted_s("short_polling", CLASSIC) == pytest.approx(3600 / 2.004 * 0.004 + sent_s)
    assert hosted.predicted_s("pusher_adapter", CLASSIC) == pytest.approx(3600 / 10 * 0.004 + sent_s)
    assert hosted.predicted_s("long_polling", CLASSIC) == pytest.approx(3600 + sent_s)
    assert hosted.predicted_s("raw_websocket", FLUID) == pytest.approx(3600)


def repeated(folder: Path) -> Hosted:
    """Return a record with three repeats of one row, a host of another concurrency, and the end of a connection."""
    with changed(folder / HOSTED_FILE) as record:
        record["hosts"]["fluid-2026, 1 at once"] = record["hosts"][FLUID] | {"concurrency": 1}
        (row,) = (row for row in record["hosted"] if (row["transport"], row["host"]) == ("raw_websocket", FLUID))
        row |= {"cut_sockets": 8, "held_gb_s": 100.0, "latency_p50_s": 0.02}
        repeats = [{"held_gb_s": 400.0, "gap_max_s": 9.0}, {"connected": 7, "held_gb_s": 200.0, "latency_p50_s": 0.03}]
        record["hosted"] += [row | repeat | {"repeat": number} for number, repeat in enumerate(repeats, 1)]
        record["hosted"].append(row | {"host": "fluid-2026, 1 at once", "held_gb_s": 900.0})
        lasted = {"phase": "connection", "started_s": 1, "ended_s": 301, "succeeded": False}
        record["timeline"].append({"transport": "raw_websocket", "host": FLUID} | lasted)
    return load_hosted(folder)


def test_repeats_are_one_row(tmp_path: Path) -> None:
    hosted = repeated(tmp_path)
    together = hosted.row("raw_websocket", FLUID)
    figures = together.figures
    assert (together.cuts, figures["connected"], figures["users"], figures["gap_max_s"]) == (24, 7, 8, 9.0)
    window_s = figures["measured_s"] / 3
    by_repeat = [gb_s / (users * window_s) for gb_s, users in ((100, 8), (400, 8), (200, 7))]
    assert together.per_user_hour("held_gb_s") == pytest.approx(3600 * sorted(by_repeat)[1])
    assert together.median_ms == 20.0
    assert "up to 3 times" in hosted.evidence


def test_a_host_of_another_concurrency_is_set_beside_its_own(tmp_path: Path) -> None:
    hosted = repeated(tmp_path)
    assert tuple(hosted.hosts) == HOSTS
    beside = hosted.by_concurrency("raw_websocket", FLUID)
    assert set(beside) == {1, 4}
    assert beside[4] == hosted.row("raw_websocket", FLUID)
    assert beside[1].figures["held_gb_s"] == 900.0


def test_the_ledger_says_how_long_connections_lasted(tmp_path: Path) -> None:
    repeated(tmp_path)
    found = judged(claims.dies_in_ten_seconds, Evidence(tmp_path))
    assert found.figure.endswith("limit 300 s: they lasted 300.0 s")


def test_a_void_row_is_left_out_and_one_that_is_missing_is_named(tmp_path: Path) -> None:
    with changed(tmp_path / HOSTED_FILE) as record:
        row = record["hosted"][0]
        row |= {"verdict": "void", "reason": "it lagged", "trials": 3}
    hosted = load_hosted(tmp_path)
    name = f"{row['transport']} on {row['host']}, repeat 0"
    assert f"; {name}, void, it lagged, measured 3 times, since the load generator lagged." in hosted.circumstances
    with pytest.raises(BrokenRun, match=f"no row of {row['transport']} on {row['host']}"):
        hosted.judge(row["transport"], row["host"])


def test_a_record_that_lacks_a_host_of_which_another_limit_was_measured_is_refused(tmp_path: Path) -> None:
    with changed(tmp_path / HOSTED_FILE) as record:
        del record["hosts"][FLUID]
        record["hosted"] = [row for row in record["hosted"] if row["host"] != FLUID]
    with pytest.raises(BrokenRun, match=f"interrupted run: it lacks {FLUID}"):
        load_hosted(tmp_path).hosts  # noqa: B018


def test_a_verdict_changes_with_what_hosts_accept_cut_and_stop(tmp_path: Path) -> None:
    with changed(tmp_path / HOSTED_FILE) as record:
        for row in record["hosted"]:
            row["connected"] *= row["transport"] != "raw_websocket"
            row["timeouts"] += (row["transport"], row["host"]) == ("pusher_adapter", SHORT)
        record["hosts"][FLUID]["max_duration_s"] = 15.0
    found = Evidence(tmp_path)
    for test in (claims.no_connection, claims.short_lived):
        assert judged(test, found).verdict is Verdict.HOLDS
    for test in (claims.adapter_works, claims.adapter_is_cheap):
        assert judged(test, found).verdict is Verdict.NO_LONGER


def test_every_test_that_the_notebook_points_to_exists() -> None:
    text = (ROOT / "notebooks" / "05_the_serverless_problem.py").read_text(encoding="utf-8")
    pointed = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    assert len(pointed) >= 5
    for name, test in pointed:
        assert f"def {test}(" in (ROOT / "tests" / "servers" / "deploy" / name).read_text(encoding="utf-8")
