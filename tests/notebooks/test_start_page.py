"""The exercises and the phone's model: every answer is computed a second time, from the tables of the run alone."""

import shlex
from math import exp

import pandas as pd
import pytest
import typer

from loadtests.__main__ import app
from notebooks.analysis import radio
from notebooks.analysis.exercises import EXERCISES, Exercise, answers, listed
from notebooks.analysis.wording import amount, duration
from tests.support.claims import REFERENCE

CELLS, KINDS = (pd.read_csv(REFERENCE / f"{name}.csv", keep_default_na=False) for name in ("cells", "kinds"))


def of(table: pd.DataFrame, scenario: str, slug: str, point: str = "", kind: str = "") -> pd.DataFrame:
    rows = table[(table["scenario"] == scenario) & (table["transport"] == slug) & (table["point"] == point)]
    return rows[rows["kind"] == kind] if kind else rows


def test_each_answer_follows_from_the_tables() -> None:
    found = answers(REFERENCE)
    sweep = of(KINDS, "interval_sweep", "short_polling", "poll every 5 s", "message")
    assert found["p50"] == duration(1000 * sweep["latency_p50_s"].median())
    assert found["p95"] == duration(1000 * sweep["latency_p95_s"].median())
    for name, scenario in (("idle", "idle"), ("talk", "conversation")):
        cells = of(CELLS, scenario, "short_polling")
        empty = (cells["empty_answers"] / cells["requests_receive"]).median()
        assert found[f"{name}_empty"] == f"{100 * empty:.0f}"
        every = CELLS[CELLS["scenario"] == scenario]
        rate = every["delivered"].sum() / (every["users"] * every["measured_s"]).sum()
        assert (found[f"{name}_rate"], found[f"{name}_theory"]) == (amount(rate), f"{100 * exp(-2 * rate):.0f}")
    for name, slug in (("busy_short", "short_polling"), ("busy_long", "long_polling")):
        cells = of(CELLS, "busy", slug)
        requests = cells["requests_send"] + cells["requests_receive"] + cells["requests_upkeep"]
        assert found[name] == amount((requests / cells["delivered"]).median())
    for name, slug in (("typing_short", "short_polling"), ("typing_raw", "raw_websocket")):
        typing = of(KINDS, "signals", slug, kind="typing")
        assert found[name] == f"{100 * (typing['still_true'] / typing['delivered']).median():.0f}"
    far = of(KINDS, "distance", "raw_websocket", "100 ms away", "message")
    assert found["far"] == duration(1000 * far["latency_p50_s"].median())
    talk = of(CELLS, "conversation", "pusher_adapter")
    counted = 1 + (talk["delivered"] / talk["messages"]).median()
    assert found["counted"] == amount(counted)
    per_minute = 60 * talk["messages"].sum() / talk["measured_s"].sum() * counted
    assert found["minutes"] == f"{200_000 / per_minute:.0f}"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.subject)
def test_an_exercise_can_be_run_as_it_is_written(exercise: Exercise) -> None:
    command = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    context = command.make_context("compare", shlex.split(exercise.command))
    assert context.params["transport"]


def test_the_list_has_six_and_no_unfilled_brace() -> None:
    text = listed(REFERENCE).text
    assert text.count("make compare") == len(EXERCISES) == 6
    assert not {"{", "}"} & set(text)


def test_a_radio_stays_on_from_a_packet_until_its_timer_expires() -> None:
    assert radio.radio_on_s([0.0], 100.0, 10.0) == 10.0
    assert radio.radio_on_s([5.0, 0.0, 50.0, 95.0], 100.0, 10.0) == 15.0 + 10.0 + 5.0
    assert radio.radio_on_s(range(100), 100.0, 10.0) == 100.0
