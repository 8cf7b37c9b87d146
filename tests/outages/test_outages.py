"""A failure of a deployment costs time, but no acknowledged message; the recorded parts are those that run."""

import asyncio
import json
import re

import pytest

from results.explorer import REFERENCE
from results.schema import OUTAGES as COLUMNS
from results.schema import OUTAGES_FILE, PARTS_FILE
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from tests.outages import parts
from tests.outages.outages import OUTAGES, Deployed, Outage, new_version, push_server_killed, run_outage
from tests.outages.outcome import outcome
from tests.outages.people import Crowd, Person, Received, Sent, Size

SHORT = Size(people=4, every_s=0.4, before_s=1.0, after_s=1.5)
PARTS = json.loads((REFERENCE / PARTS_FILE).read_text(encoding="utf-8"))
RECORD = json.loads((REFERENCE / OUTAGES_FILE).read_text(encoding="utf-8"))["outages"]
QUOTED = ("up_to_date_s", "silent_s", "unacknowledged_s", "reconnecting_s")


@pytest.mark.process
@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
async def test_with_the_recorded_parts_a_kill_and_a_new_version_cost_no_message(deployment: Deployment) -> None:
    counted: parts.Parts = {}

    async def fail(deployed: Deployed) -> None:
        counted.update(parts.parts_of(deployment, deployed.running))
        await push_server_killed(deployed)
        await new_version(deployed)

    result = await run_outage(Outage(deployment, fail), SHORT)
    assert counted == PARTS[deployment.name], parts.__doc__
    assert result["messages"] >= SHORT.people
    assert [name for name in ("lost", "duplicates", "out_of_order", "seen_offline") if result[name]] == []
    assert result["deliveries"] == result["messages"] * SHORT.people
    keys = {"deployment", "failure", "repeat", "machine_load"}
    assert {*keys, *result} == {column.name for column in COLUMNS}


def test_a_connection_is_broken_from_the_first_sample_that_is_down_to_the_next_that_is_up() -> None:
    person = Person(None)  # type: ignore[arg-type]
    for now_s, is_up in ((1.0, True), (2.0, False), (5.0, False), (6.0, True), (9.0, False)):
        person.on_sample(now_s, is_up)
    assert person.broken == [(2.0, 6.0), (9.0, 9.0)]
    result = outcome([person], began_s=4.0, over_s=9.0)
    assert (result["connections_broken"], result["reconnecting_s"]) == (1, 2.0)
    assert outcome([person], began_s=9.5, over_s=9.6)["connections_broken"] == 0


async def test_an_outcome_counts_losses_duplicates_and_disorder_and_times_what_people_felt() -> None:
    twice = [Received(1, "Ada 0", 1.0), Received(1, "Ada 0", 1.1)]
    received = [*twice, Received(3, "Ada 1", 1.8), Received(2, "Ada 1", 1.9), Received(5, "Ada 2", 1.95)]
    sent = [Sent(1, 0.9, 1.0), Sent(3, 1.1, 1.4), Sent(4, 1.5, 1.6), Sent(5, 1.9, 1.96)]
    offline = [("bob", 1.0), ("cyd", 1.1), ("cyd", 1.2)]
    person = Person(None, sent, received, offline)  # type: ignore[arg-type]
    await Crowd([person], asyncio.Event(), []).finish(catch_up_s=0.01)
    result = outcome([person], began_s=1.05, over_s=2.0)
    assert (result["messages"], result["deliveries"], result["lost"]) == (4, 3, 1)
    assert result["duplicates"] == 2, "Ada 0 under one number, Ada 1 under two"
    assert (result["out_of_order"], result["seen_offline"]) == (1, 1), "Bob went offline before the outage"
    times = {name: value for name, value in result.items() if name.endswith("_s")}
    felt = {"up_to_date_s": 0.75, "silent_s": 0.7, "unacknowledged_s": 0.3, "reconnecting_s": 0.0}
    assert times == {"lasted_s": 0.95, **felt, "baseline_s": 0.1}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
def test_a_deployments_readme_quotes_the_record_in_which_nothing_is_lost(deployment: Deployment) -> None:
    text = (parts.DEPLOY / deployment.name.replace("-", "_") / "README.md").read_text(encoding="utf-8")
    rows = [row for row in RECORD if row["deployment"] == deployment.name]
    assert not any(row[count] for row in rows for count in ("lost", "duplicates", "out_of_order"))
    worst = [
        tuple(f"{max(row[name] for row in rows if row['failure'] == each.name):.1f}" for name in QUOTED)
        for each in OUTAGES
        if each.deployment == deployment
    ]
    assert re.findall(r"(?m)^\|[^|]+\| ([\d.]+) s \| ([\d.]+) s \| ([\d.]+) s \| ([\d.]+) s \|$", text) == worst
    assert f"{sum(row['messages'] for row in rows):,} messages, {len(rows)} outages" in text
