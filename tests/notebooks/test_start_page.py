"""The start page's exercises, whose answers are computed again from the run's tables, and the radio model."""

import shlex
from collections.abc import Callable
from math import exp

import pandas as pd
import pytest
import typer

from loadtests.__main__ import app
from loadtests.choices import choose_scenarios, choose_transports
from loadtests.scenarios import CONVERSATION
from loadtests.targets.target import OurServers
from notebooks.analysis import radio
from notebooks.analysis.exercises import EXERCISES, Exercise, answers, listed
from notebooks.analysis.wording import amount, duration
from tests.support.claims import REFERENCE

CELLS, KINDS = (pd.read_csv(REFERENCE / f"{name}.csv", keep_default_na=False) for name in ("cells", "kinds"))
POLL_S, SWEEP_POLL_S = 2, 5


def rows_of(table: pd.DataFrame, scenario: str, slug: str, point: str = "", kind: str = "") -> pd.DataFrame:
    rows = table[(table["scenario"] == scenario) & (table["transport"] == slug) & (table["point"] == point)]
    return rows[rows["kind"] == kind] if kind else rows


def interval() -> dict[str, str]:
    sweep = rows_of(KINDS, "interval_sweep", "short_polling", "poll every 5 s", "message")
    measured = {f"p{share}": duration(1000 * sweep[f"latency_p{share}_s"].median()) for share in (50, 95)}
    return measured | {f"theory_p{share}": duration(1000 * SWEEP_POLL_S * share / 100) for share in (50, 95)}


def empty_poll() -> dict[str, str]:
    expected: dict[str, str] = {}
    for name, scenario in (("idle", "idle"), ("talk", "conversation")):
        cells = rows_of(CELLS, scenario, "short_polling")
        of_all = CELLS[CELLS["scenario"] == scenario]
        rate = of_all["delivered"].sum() / (of_all["users"] * of_all["measured_s"]).sum()
        expected |= {
            f"{name}_empty": f"{100 * (cells['empty_answers'] / cells['requests_receive']).median():.0f}",
            f"{name}_rate": amount(rate),
            f"{name}_theory": f"{100 * exp(-POLL_S * rate):.0f}",
        }
    return expected


def busy_room() -> dict[str, str]:
    expected = {}
    for name, slug in (("busy_short", "short_polling"), ("busy_long", "long_polling")):
        cells = rows_of(CELLS, "busy", slug)
        requests = cells["requests_send"] + cells["requests_receive"] + cells["requests_upkeep"]
        expected[name] = amount((requests / cells["delivered"]).median())
    return expected


def distance() -> dict[str, str]:
    far = rows_of(KINDS, "distance", "raw_websocket", "100 ms away", "message")
    return {"far": duration(1000 * far["latency_p50_s"].median())}


def typing_notice() -> dict[str, str]:
    expected = {}
    for name, slug in (("typing_short", "short_polling"), ("typing_raw", "raw_websocket")):
        typing = rows_of(KINDS, "signals", slug, kind="typing")
        expected[name] = f"{100 * (typing['still_true'] / typing['delivered']).median():.0f}"
    return expected


def message_count() -> dict[str, str]:
    talk = rows_of(CELLS, "conversation", "pusher_adapter")
    counted = 1 + (talk["delivered"] / talk["messages"]).median()
    per_minute = 60 * talk["messages"].sum() / talk["measured_s"].sum() * counted
    return {"counted": amount(counted), "minutes": f"{200_000 / per_minute:.0f}"}


COMPUTED = (interval, empty_poll, busy_room, distance, typing_notice, message_count)


@pytest.mark.parametrize("computed", COMPUTED, ids=lambda computed: computed.__name__)
def test_each_answer_follows_from_the_tables(computed: Callable[[], dict[str, str]]) -> None:
    found, expected = answers(REFERENCE), computed()
    assert {name: found[name] for name in expected} == expected


def test_no_answer_is_left_unchecked() -> None:
    assert answers(REFERENCE).keys() == {name for computed in COMPUTED for name in computed()}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.subject)
def test_an_exercise_names_a_scenario_and_transports_that_exist(exercise: Exercise) -> None:
    command = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    given = command.make_context("compare", shlex.split(exercise.command)).params
    assert given["transport"]
    assert [row.slug for row in choose_transports(given["transport"], OurServers())] == given["transport"]
    (scenario,) = choose_scenarios(given["scenario"], given["full"], given["quick"])
    assert scenario.name == (given["scenario"] or CONVERSATION.name)


def test_the_list_has_six_and_no_unfilled_brace() -> None:
    text = listed(REFERENCE).text
    assert text.count("make compare") == len(EXERCISES) == 6
    assert not {"{", "}"} & set(text)


def test_a_radio_stays_on_from_a_packet_until_its_timer_expires() -> None:
    assert radio.radio_on_s([0.0], 100.0, 10.0) == 10.0
    assert radio.radio_on_s([5.0, 0.0, 50.0, 95.0], 100.0, 10.0) == 15.0 + 10.0 + 5.0
    assert radio.radio_on_s(range(100), 100.0, 10.0) == 100.0
