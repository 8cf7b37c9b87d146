"""The start page's exercises, whose figures `test_printed_figures.py` computes again, and the radio model."""

import shlex

import pytest
import typer

from loadtests.__main__ import app
from loadtests.choices import choose_scenarios, choose_transports
from loadtests.scenarios import CONVERSATION
from loadtests.targets.target import OurServers
from notebooks.analysis import radio
from notebooks.analysis.exercises import EXERCISES, listed
from tests.support.claims import REFERENCE


@pytest.mark.parametrize("command_line", [exercise["command"] for exercise in EXERCISES])
def test_an_exercise_is_listed_with_a_command_whose_scenario_and_transports_exist(command_line: str) -> None:
    assert f'make compare ARGS="{command_line}"' in listed(REFERENCE).text
    command = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    given = command.make_context("compare", shlex.split(command_line)).params
    assert given["transport"]
    assert [row.slug for row in choose_transports(given["transport"], OurServers())] == given["transport"]
    (scenario,) = choose_scenarios(given["scenario"], given["full"], given["quick"])
    assert scenario.name == (given["scenario"] or CONVERSATION.name)


def test_a_radio_stays_on_from_a_packet_until_its_timer_expires() -> None:
    assert radio.radio_on_s([0.0], 100.0) == 10.0
    assert radio.radio_on_s([5.0, 0.0, 50.0, 95.0], 100.0) == 15.0 + 10.0 + 5.0
    assert radio.radio_on_s(range(100), 100.0) == 100.0
