"""One measurement: a transport alone on the machine, under load, read at both ends of the window.

Teaches the shape of a fair measurement: a fresh server, one core for the servers and one for those who load and watch
them, and a window whose two ends are the same moments for all. This process imports neither Locust nor gevent; it
starts, awaits and reads.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from loadtests.cell import Cell, make_cell
from loadtests.children import LOOK_S, Look, NotMeasured
from loadtests.cores import Cores
from loadtests.distance import serving_at_distance
from loadtests.generator import generating
from loadtests.limits import limit_of
from loadtests.manifest import label
from loadtests.offered import digest, meant
from loadtests.restarts import CALM, Servers, Storm
from loadtests.scenarios import Planned
from loadtests.server_probe import Probe
from loadtests.wire_bytes import WireBytes, disagreements

Tell = Callable[[str], None]
"""Told, several times a second, what is being done."""


def measure(planned: Planned, cores: Cores, tell: Tell) -> Cell:
    """Measure one transport under one load; waits for all of it, and raises NotMeasured."""
    transport, workload = planned.transport, planned.workload

    def telling(phase: str) -> Look:
        return lambda: tell(f"{label(transport)}: {phase}")

    with (
        TemporaryDirectory(prefix="loadtest-") as name,
        serving_at_distance(transport, workload, cores, Path(name), telling("starting")) as (servers, way),
        generating(transport.slug, way, workload, cores.generator, Path(name)) as generator,
    ):
        probe = Probe(servers.server, generator.pid)
        window = generator.await_window(telling("users join"))
        if window is None:
            troubles = generator.await_samples(telling("stopping")).troubles
            raise NotMeasured("; ".join(troubles[-4:]))
        _sleep_until(window.start_s, telling("warming up"))
        before, storm = probe.read(), CALM
        if workload.restart_at_s:
            _sleep_until(window.start_s + workload.restart_at_s, telling("measuring"), probe.look_at_memory)
            storm = _restart(servers, probe)
        _sleep_until(window.end_s, telling("measuring"), probe.look_at_memory)
        after = probe.read()
        samples = generator.await_samples(telling("waiting for the last deliveries"))
        spent = probe.spent(before, after) | storm.figures(samples.returns, after)
        doubts: list[str] = []
        told_all = not workload.restart_at_s and bool(servers.server.push_service or not transport.needs_push_service)
        if told_all:  # nothing was lost with a server that was stopped, and none is rented
            in_window = WireBytes(int(spent["server_up_bytes"]), int(spent["server_down_bytes"]))
            doubts += disagreements(samples.client_bytes, in_window, probe.read_bytes())
        cell = make_cell(planned, samples, spent, digest(meant(workload)), doubts)
        return replace(cell, settings=servers.server.settings, figures={**cell.figures, "limit": limit_of(cell)})


def _restart(servers: Servers, probe: Probe) -> Storm:
    """Restart the servers, and have the probe add up what the old ones and the new ones count; waits."""
    last = probe.read()
    server = servers.restart()
    ready_s = perf_counter()
    probe.follow(server, last)
    return Storm(ready_s, last["requests_upkeep"])


def _sleep_until(moment_s: float, *looks: Look) -> None:
    while (left_s := moment_s - perf_counter()) > 0:
        for look in looks:
            look()
        sleep(min(left_s, LOOK_S))
