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
from loadtests.generator import generating
from loadtests.manifest import label
from loadtests.scenarios import Scenario
from loadtests.subjects import OurServers, Subject
from servers.transports import Transport

Tell = Callable[[str], None]
"""Told, several times a second, what is being done."""


def measure(transport: Transport, scenario: Scenario, cores: Cores, tell: Tell, subject: Subject | None = None) -> Cell:
    """Measure one transport once, of our servers if no other subject is given; waits for all, raises NotMeasured."""
    slug, subject = transport.slug, subject or OurServers()

    def telling(phase: str) -> Look:
        return lambda: tell(f"{label(transport)}: {phase}")

    with (
        TemporaryDirectory(prefix="loadtest-") as name,
        subject.serving(slug, cores.servers, Path(name, f"server of {slug}.log"), telling("starting")) as server,
        generating(subject.locust_file(slug), server.address, scenario, cores.generator, Path(name)) as generator,
    ):
        probe = subject.meter(server, generator.pid)
        window = generator.await_window(telling("users join"))
        if window is None:
            troubles = generator.await_samples(telling("stopping")).troubles
            raise NotMeasured("; ".join(troubles[-4:]))
        _sleep_until(window.start_s, telling("warming up"))
        before = probe.read()
        _sleep_until(window.end_s, telling("measuring"), probe.look_at_memory)
        after = probe.read()
        samples = generator.await_samples(telling("waiting for the last deliveries"))
        cell = make_cell(transport, 0, scenario, samples, probe.spent(before, after))
        return replace(cell, settings=server.settings)


def _sleep_until(moment_s: float, *looks: Look) -> None:
    while (left_s := moment_s - perf_counter()) > 0:
        for look in looks:
            look()
        sleep(min(left_s, LOOK_S))
