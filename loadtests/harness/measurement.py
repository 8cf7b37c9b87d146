"""One measurement: a transport alone on the machine, under load, read at both ends of the window.

Teaches the shape of a fair measurement: a fresh server, one core for the servers and one for those who load and watch
them, and a window whose two ends are the same moments for all. This process imports neither Locust nor gevent; it
starts, awaits and reads.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from loadtests.accounts.cell import Cell, Reading, make_cell
from loadtests.accounts.limits import Limit, limit_of
from loadtests.accounts.offered import digest, meant
from loadtests.harness.children import LOOK_S, Look, NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.generator import generating
from loadtests.harness.manifest import label
from loadtests.harness.restarts import CALM, Storm
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import Meter, OurServers, Serving, Target

LATE_S = 0.1

Tell = Callable[[str], None]
"""Told, several times a second, what is being done."""


def measure(planned: Planned, cores: Cores, tell: Tell, subject: Target | None = None, generators: int = 1) -> Cell:
    """Measure one transport under one load, of our servers if no other subject is given, by so many processes.

    Waits for all of it, and raises NotMeasured.
    """
    transport, workload, subject = planned.transport, planned.workload, subject or OurServers()

    def telling(phase: str) -> Look:
        return lambda: tell(f"{label(transport)}: {phase}")

    with (
        TemporaryDirectory(prefix="loadtest-") as name,
        subject.serving(transport, workload, cores, Path(name), telling("starting")) as (servers, way),
        generating(
            subject.locust_file(transport.slug), way, workload, cores.generator, Path(name), generators
        ) as generator,
    ):

        def watch() -> None:
            generator.look()
            tell(f"{label(transport)}: {generator.live or 'measuring'}")

        probe = subject.meter(transport, servers.server, generator.pid)
        window = generator.await_window(telling("users join"))
        if window is None:
            troubles = generator.await_samples(telling("stopping")).troubles
            raise NotMeasured("; ".join(troubles[-4:]))
        _sleep_until(window.start_s, telling("warming up"))
        before, storm = probe.read(), CALM
        if workload.restart_at_s:
            _sleep_until(window.start_s + workload.restart_at_s, watch, probe.look_at_memory)
            storm = _restart(servers, probe)
        _sleep_until(window.end_s, watch, probe.look_at_memory)
        after = probe.read()
        samples = generator.await_samples(telling("waiting for the last deliveries"))
        returns = samples.returns_of_window()
        spent = probe.spent(before, after) | storm.figures(returns, after)
        doubts = [*probe.doubts(spent, samples.client_bytes), *_late(spent, workload)]
        doubts += storm.doubts(returns, after["readings_apart_s"])
        cell = make_cell(planned, samples, spent, digest(meant(workload)), doubts)
        limit = limit_of(cell) if planned.up_to_limit else Limit.NONE
        settings = servers.server.settings
        return replace(cell, settings=settings, figures={**cell.figures, "limit": limit, **_stood_on(settings)})


def _restart(servers: Serving, probe: Meter) -> Storm:
    """Restart the servers, and have the probe add up what the old ones and the new ones count; waits."""
    last = probe.read()
    server = servers.restart()
    ready_s = perf_counter()
    probe.follow(server, last)
    return Storm(ready_s, last["requests_upkeep"])


def _stood_on(settings: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the columns that say which store, and how many processes of it; nothing of a server that does not say."""
    return {"store": settings.get("store", ""), "workers": settings.get("workers", 0)}


def _late(spent: Reading, workload: Workload) -> list[str]:
    """Say by how much the servers were read too late, if they were."""
    late_s = spent["readings_apart_s"] - workload.measured_s
    return [f"the servers answered {late_s:.1f} s late what they had counted"] if late_s > LATE_S else []


def _sleep_until(moment_s: float, *looks: Look) -> None:
    while (left_s := moment_s - perf_counter()) > 0:
        for look in looks:
            look()
        sleep(min(left_s, LOOK_S))
