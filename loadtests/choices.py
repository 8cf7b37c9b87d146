"""What a comparison was asked for, as far as it goes together: whose servers, which transports, which loads.

Teaches that a bad combination is best refused before anything starts, in the words of the command line. Every function
here raises ValueError with what was expected, what came, and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from loadtests.harness.provisioned_store import ALONE, StoreChoice
from loadtests.scenarios import CONVERSATION, PREVIEW, SCENARIOS, Scenario
from loadtests.scenarios import find as find_scenario
from loadtests.targets.deployed import Deployed
from loadtests.targets.other_server import OTHER_SERVERS, OtherServer, transports_of
from loadtests.targets.target import OurServers, Target
from servers.deploy import deployments
from servers.transports import TRANSPORTS, Transport, find

OPTIONS = {"rate_per_s": "rate", "measured_s": "seconds", "poll_interval_s": "poll"}
"""The options of the command line that are not called like the field that they set."""


def target_of(dialect: str, against: str, pids: Sequence[int], topology: str, backing: StoreChoice) -> Target:
    """Return whose servers are to be measured: of a dialect, or as a deployment; ours alone, if neither is named."""
    if (against or pids) and not dialect:
        raise ValueError(f"--against and --pid need --dialect: one of {', '.join(OTHER_SERVERS)}")
    if topology and dialect:
        raise ValueError("--topology is of our own servers: leave it out with --dialect")
    if dialect and backing != ALONE:
        raise ValueError("--store and --workers are of our own servers: leave them out with --dialect")
    if topology and backing != ALONE:
        raise ValueError(f"--topology {topology} has its own store and processes: leave out --store and --workers")
    if lacking := backing.lacking:
        raise ValueError(
            f"--store {backing.store} starts an engine, and this machine lacks {', '.join(lacking)}; on Debian "
            f"apt-get install {' '.join(sorted(set(lacking.values())))} brings it, or name one that runs by its URL"
        )
    if topology:
        return Deployed(deployments.find(topology))
    return OtherServer(dialect, against.rstrip("/"), tuple(pids)) if dialect else OurServers(backing=backing)


def transports_for(slugs: Sequence[str], subject: Target) -> list[Transport]:
    """Return the transports that were asked for and that the subject has; all that it has, if none was asked for."""
    asked = {find(slug).slug for slug in slugs}
    match subject:
        case OtherServer(dialect=name):
            rows = transports_of(name)
        case Deployed(option=option):
            name, rows = option.name, [find(option.transport)]
        case _:
            name, rows = "", list(TRANSPORTS)
    if strange := asked - {row.slug for row in rows}:
        had = ", ".join(row.slug for row in rows)
        raise ValueError(f"{name} has no {', '.join(sorted(strange))}: expected --transport to be of {had}")
    return [row for row in rows if not asked or row.slug in asked]


def scenarios_for(name: str | None, full: bool, quick: bool) -> list[Scenario]:
    """Return the scenario of that name; without one all of a full run, the preview, or the conversation.

    Raises ValueError if the preview is asked for together with another choice.
    """
    if quick and (name or full):
        raise ValueError("--quick is a preview of its own: leave out --scenario and --full")
    if name:
        return [find_scenario(name)]
    return list(SCENARIOS) if full else [PREVIEW if quick else CONVERSATION]


def changed(scenario: Scenario, asked: Mapping[str, Any]) -> Scenario:
    """Return the scenario with the asked fields changed, and rooms that its crowds fill unless their size is asked for.

    Raises ValueError for a field that its question is about.
    """
    for name in asked:
        if name in scenario.fixed:
            raise ValueError(f"--scenario {scenario.name} sets --{OPTIONS.get(name, name)} by itself: leave it out")
    loads = [replace(load, **asked) for load in scenario.workloads]
    if "room_size" not in asked:
        loads = [replace(load, room_size=filled(load.users, load.room_size)) for load in loads]
    return replace(scenario, workloads=tuple(loads))


def filled(users: int, room_size: int) -> int:
    """Return the largest size of equal rooms, at most `room_size`; `room_size` if only rooms of one could be equal."""
    sizes = [size for size in range(2, min(users, room_size) + 1) if users % size == 0]
    return max(sizes, default=room_size)


def check_loads(scenarios: Sequence[Scenario], chosen: Sequence[Transport], subject: Target, generators: int) -> None:
    """Raise ValueError if a load does not fill its rooms and generators, or asks too much of the subject."""
    for load in (load for scenario in scenarios for load in scenario.workloads):
        if load.users % load.room_size:
            raise ValueError(f"--users {load.users} is not a multiple of --room-size {load.room_size}: fill rooms")
        if load.measured_s <= (after_s := max(load.restart_at_s, load.bunch_s)):
            event = "a restart" if load.restart_at_s else "the first bunch of messages"
            raise ValueError(f"--seconds {load.measured_s:g}: expected more than the {after_s:g} s until {event}")
        if load.users % generators:
            raise ValueError(f"--users {load.users} is not a multiple of --generators {generators}: share them evenly")
        if isinstance(subject, Deployed):
            subject.check(load)
    if not any(scenario.planned(chosen) for scenario in scenarios):
        (scenario, *_), names = scenarios, ", ".join(row.slug for row in chosen)
        raise ValueError(f"--scenario {scenario.name} asks about {', '.join(scenario.transports)} only; got {names}")
