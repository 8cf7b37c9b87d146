"""One measurement: a transport alone on the machine, under load, read at both ends of the window.

Teaches the shape of a fair measurement: a fresh server, one core for the servers and one for the load generator and the
sampler, and a window whose two ends are the same moments for all.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NamedTuple

from loadtests.accounts.cell import Cell, Reading, digest, make_cell, scheduled
from loadtests.accounts.predictions import Limit, limit_of
from loadtests.accounts.rows import Window
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import cold_users
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Affinity, Cores, pinned
from loadtests.harness.generator import generating
from loadtests.harness.manifest import label
from loadtests.harness.restarts import NO_STORM, RunningServers, Storm
from loadtests.harness.server_probe import Probe
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from servers.deploy.child_process import TICK_S, OnTick

LATE_S = 0.1
TURNS = 200_000  # of the loop that is the fixed piece of work: 5 to 10 ms
PIECES = 3  # of which the median counts, so that one interruption does not matter

OnProgress = Callable[[str], None]
"""Called several times a second with what is being done."""


def measure(planned: Planned, cores: Cores, on_progress: OnProgress, target: OurServers, generators: int = 1) -> Cell:
    """Measure one transport under one load on a target.

    generators: the number of load generator processes. Waits until the end; raises NotMeasured.
    """
    transport, workload = planned.transport, planned.workload
    speed = work_s(cores, "before")

    def showing(phase: str) -> OnTick:
        return lambda: on_progress(f"{label(transport)}: {phase}")

    with (
        TemporaryDirectory(prefix="loadtest-") as name,
        generating(
            target.locust_file(transport.slug), None, workload, cores.generator, Path(name), generators
        ) as generator,
        target.serving(transport, workload, cores, Path(name), showing("starting")) as (servers, addresses),
    ):
        generator.start(addresses)

        def watch() -> None:
            generator.poll()
            on_progress(f"{label(transport)}: {generator.live or 'measuring'}")

        probe = target.probe(transport, servers.server, generator.pid)
        window = generator.await_window(showing("users join"))
        if window is None:
            troubles = generator.await_samples(showing("stopping")).troubles
            raise NotMeasured("; ".join(troubles[-4:]))
        sleep_until(window.start_s, showing("warming up"))
        readings = _read_window(window, workload, servers, probe, watch)
        samples = generator.await_samples(showing("waiting for the last deliveries"))
        speed |= work_s(cores, "after")
        cell = _cell_of(planned, readings, samples, probe, speed, servers.server.settings)
    limit = limit_of(cell, cores.filled_by(generators)) if planned.up_to_limit else Limit.NONE
    return replace(cell, figures={**cell.figures, "limit": limit})


class Readings(NamedTuple):
    """What the probe read at both ends of the window, and the restart between them."""

    before: Reading
    storm: Storm
    after: Reading


def _cell_of(
    planned: Planned, readings: Readings, samples: Samples, probe: Probe, speed: Reading, settings: Mapping[str, Any]
) -> Cell:
    """Put servers' and clients' figures together."""
    before, storm, after = readings
    reconnections = samples.reconnections_in_window()
    spent = probe.difference(before, after) | storm.figures(reconnections, after) | speed
    doubts = [*cold_users(samples), *probe.doubts(spent, samples.client_bytes)]
    if (late_s := spent["readings_apart_s"] - planned.workload.measured_s) > LATE_S:
        doubts.append(f"the servers responded {late_s:.1f} s late when their counters were read")
    doubts += storm.doubts(reconnections, after["readings_apart_s"])
    return make_cell(planned, samples, spent, digest(scheduled(planned.workload)), doubts, settings)


def _read_window(window: Window, workload: Workload, servers: RunningServers, probe: Probe, watch: OnTick) -> Readings:
    """Read at both ends of the window, and restart the servers between them if the load has it; waits."""
    before = probe.read()
    storm = NO_STORM
    if workload.restart_at_s:
        sleep_until(window.start_s + workload.restart_at_s, watch, probe.sample_memory)
        storm = _restart(servers, probe)
    sleep_until(window.end_s, watch, probe.sample_memory)
    return Readings(before, storm, probe.read())


def _restart(servers: RunningServers, probe: Probe) -> Storm:
    """Restart the servers, and have the probe add up what the old ones and the new ones count; waits."""
    last = probe.read()
    server = servers.restart()
    ready_s = perf_counter()
    probe.follow_restart(server, last)
    return Storm(ready_s, last["requests_upkeep"])


def sleep_until(moment_s: float, *on_ticks: OnTick) -> None:
    """Sleep until a moment of the monotonic clock, and call these several times a second meanwhile."""
    while perf_counter() < moment_s:
        for on_tick in on_ticks:
            on_tick()
        sleep(max(0.0, min(moment_s - perf_counter(), TICK_S)))


def work_s(cores: Cores, when: str) -> Reading:
    """Return how long a fixed piece of work takes on either core while both are idle, in s; waits.

    when: "before" or "after" the window. Without this figure a slow hour of a shared machine looks like a difference
    between transports.
    """
    return {f"{side}_work_{when}_s": _timed_s(getattr(cores, side)) for side in ("servers", "generator")}


def _timed_s(cores: Affinity) -> float:
    with pinned(cores):
        return median(_piece_s() for _ in range(PIECES))


def _piece_s() -> float:
    begun_s = perf_counter()
    value = 1
    for turn in range(TURNS):
        value = (31 * value + turn) & 0xFFFF
    return perf_counter() - begun_s
