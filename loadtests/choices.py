"""The options of a comparison's command line: which target, which transports, which scenarios and loads.

A combination that cannot work is a ValueError before anything starts: what was expected, what came, and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from loadtests.harness import cores
from loadtests.harness.provisioned_store import DEFAULT_STORE, StoreChoice
from loadtests.plan.workload import LINKS, PLAIN
from loadtests.scenarios import CONVERSATION, PREVIEW, SAMPLES, SCENARIOS, Scenario
from loadtests.scenarios import find as find_scenario
from loadtests.targets.target import DeployedServers, OurServers
from servers.deploy import deployments, engines
from servers.transports import Transport, find

AUTO = "auto"
GENERATORS_MAX = 64
ON_ANOTHER_LINK = ("conversation", "busy", "idle")
NEEDED_BY_TLS = ("h2", "trustme", "zttp")
OPTIONS = {"room_size": "room-size", "rate_per_s": "rate", "measured_s": "seconds", "poll_interval_s": "poll"}
"""The options of the command line whose names differ from the fields that they set."""


def choose_target(deployment: str, store: StoreChoice) -> OurServers:
    """Return the target of the measurement: a deployment, or the servers alone if none is named."""
    if deployment and store != DEFAULT_STORE:
        raise ValueError(f"--deployment {deployment} has its own store and processes: leave out --store and --workers")
    if packages := store.missing:
        raise ValueError(
            f"--store {store.store} starts an engine, and this machine lacks {', '.join(packages)}; on Debian "
            f"apt-get install {' '.join(sorted(set(packages.values())))} brings it, or name one that runs by its URL"
        )
    return DeployedServers(deployments.find(deployment)) if deployment else OurServers(store=store)


def choose_transports(slugs: Sequence[str], target: OurServers) -> list[Transport]:
    """Return the transports of these slugs; all that the target offers, if there are none."""
    chosen = {find(slug).slug for slug in slugs}
    offered = ", ".join(row.slug for row in target.transports)
    if missing := chosen.difference(row.slug for row in target.transports):
        raise ValueError(f"{target.name} has no {', '.join(sorted(missing))}: expected --transport to be of {offered}")
    return [row for row in target.transports if not chosen or row.slug in chosen]


def choose_scenarios(name: str | None, full: bool, quick: bool, link: str = PLAIN) -> list[Scenario]:
    """Return the scenario of that name; without one all of a full run, the preview, or the conversation.

    Over another link, a full run has three scenarios, with two repeats.
    """
    if quick and (name or full):
        raise ValueError("--quick is a preview of its own: leave out --scenario and --full")
    if name:
        return [find_scenario(name)]
    if full and link != PLAIN:
        return [replace(find_scenario(each), repeats=2, samples=SAMPLES) for each in ON_ANOTHER_LINK]
    if full:
        return [row for row in SCENARIOS if not row.is_optional]
    return [PREVIEW if quick else CONVERSATION]


def with_changes(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """Return the scenario with these fields of its loads changed, and rooms that are full unless their size is given.

    Raises ValueError for a field that its question is about.
    """
    for name in changes:
        if name in scenario.fixed:
            raise ValueError(f"--scenario {scenario.name} sets --{OPTIONS.get(name, name)} by itself: leave it out")
    loads = [replace(load, **changes) for load in scenario.workloads]
    if "room_size" not in changes:
        loads = [replace(load, room_size=largest_room(load.users, load.room_size)) for load in loads]
    return replace(scenario, workloads=tuple(loads))


def largest_room(users: int, room_size: int) -> int:
    """Return the largest size of equal rooms, at most `room_size`; `room_size` if only rooms of one could be equal."""
    sizes = [size for size in range(2, min(users, room_size) + 1) if users % size == 0]
    return max(sizes, default=room_size)


def check_link(link: str) -> None:
    """Raise ValueError if there is no such link, or if what it needs is not installed."""
    if link not in LINKS:
        raise ValueError(f"--link: expected one of {', '.join(LINKS)}, got {link!r}")
    if link != PLAIN and not all(map(find_spec, NEEDED_BY_TLS)):
        raise ValueError(f"--link {link} needs an optional dependency group: `sh .ci/setup links` installs it")


def choose_generators(given: str, scenarios: Sequence[Scenario]) -> int:
    """Return the number of generator processes; for `auto` as many as there are spare cores and can share all users.

    Raises ValueError unless it is `auto` or a number from 1 to GENERATORS_MAX.
    """
    if given == AUTO:
        users = [load.users for scenario in scenarios for load in scenario.workloads]
        return max(count for count in range(1, cores.spare() + 1) if all(number % count == 0 for number in users))
    if not given.isdecimal() or not 1 <= int(given) <= GENERATORS_MAX:
        raise ValueError(f"--generators: expected {AUTO} or 1 to {GENERATORS_MAX}, got {given!r}")
    return int(given)


def check_loads(
    scenarios: Sequence[Scenario], chosen: Sequence[Transport], target: OurServers, generators: int
) -> None:
    """Raise ValueError, with what to change, for loads that cannot be measured on this target."""
    for name, load in [(scenario.name, load) for scenario in scenarios for load in scenario.workloads]:
        check_link(load.link)
        if load.proxy and engines.program("nginx") is None:
            raise ValueError(f"--scenario {name} needs nginx; Debian's package nginx has it")
        if load.users % load.room_size:
            raise ValueError(f"--users {load.users} is not a multiple of --room-size {load.room_size}: fill all rooms")
        event_s = max(load.restart_at_s, load.bunch_s)
        if load.measured_s <= event_s:
            event = "a restart" if load.restart_at_s else "the first bunch of messages"
            raise ValueError(f"--seconds {load.measured_s:g}: expected more than the {event_s:g} s until {event}")
        if load.users % generators:
            raise ValueError(f"--users {load.users} is not a multiple of --generators {generators}: share them evenly")
        target.check(load)
    if not any(scenario.planned(chosen) for scenario in scenarios):
        names = ", ".join(row.slug for row in chosen)
        expected = ", ".join(scenarios[0].transports)
        raise ValueError(f"--scenario {scenarios[0].name} asks about {expected} only; got {names}")
