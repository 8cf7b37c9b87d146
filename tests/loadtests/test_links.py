"""Real loads through relays: the kernel's byte counts against a relay's, and a distance that shows in the latency."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from loadtests.accounts.wire_bytes import WireBytes
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import generating
from loadtests.harness.measurement import measure
from loadtests.harness.server_counters import ServerCounters
from loadtests.harness.server_probe import Probe, serving
from loadtests.plan.workload import Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from servers.deploy.child_process import python_module
from servers.transports import TRANSPORTS, Transport, find

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

LOAD = Workload(users=4, room_size=2, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.25)
DEADLINE_S = 20.0
Counts = tuple[WireBytes, WireBytes, WireBytes]


@contextmanager
def counting(address: str) -> Iterator[tuple[str, Callable[[], WireBytes]]]:
    """Put a relay without delay before a server; yield its address, and what ends it and returns its byte counts."""
    command = python_module("loadtests.harness.relay", "--to", address.removeprefix("http://"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        assert relay.stdout is not None

        def carried() -> WireBytes:
            totals = json.loads(relay.communicate(timeout=DEADLINE_S)[0])
            return WireBytes(totals["up_bytes"], totals["down_bytes"])

        yield json.loads(relay.stdout.readline())["address"], carried


def counts(folder: Path, transport: Transport) -> Counts:
    """Run a short load through counting relays; return what the generator, the relays and the servers counted."""
    slug = transport.slug
    with ExitStack() as stack:
        server = stack.enter_context(serving(slug, None, folder / f"{slug}.log"))
        links = [stack.enter_context(counting(at)) for at in (server.address, server.push_service) if at]
        addresses = [address for address, _ in links]
        clients = ClientAddresses(addresses[0], addresses[1] if len(addresses) > 1 else "")
        generator = stack.enter_context(generating(OurServers().locust_file(slug), clients, LOAD, None, folder))
        assert generator.await_window()
        client = generator.await_samples().client_bytes
        assert client is not None
        relayed = WireBytes()
        for _, carried in links:
            relayed = relayed.plus(carried())
        return client.total, relayed, Probe(server, os.getpid(), ServerCounters).read_bytes()


@pytest.fixture(scope="module")
def counts_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counts]:
    """Return the counts of every transport; all run at once, since only bytes are looked at."""
    run = partial(counts, tmp_path_factory.mktemp("links"))
    with ThreadPoolExecutor(len(TRANSPORTS)) as pool:
        return dict(zip((row.slug for row in TRANSPORTS), pool.map(run, TRANSPORTS), strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
@pytest.mark.parametrize("slug", [row.slug for row in TRANSPORTS])
def test_kernel_relay_and_server_count_the_same_bytes(counts_of: dict[str, Counts], slug: str) -> None:
    kernel, relay, server = counts_of[slug]
    assert kernel == relay == server
    assert min(kernel) > 1000


@pytest.mark.parametrize(
    ("slug", "one_way_s", "push_link_s", "transits_s"),
    [("raw_websocket", 0.02, 0.0, 0.04), ("pusher_adapter", 0.02, 0.03, 0.07)],
)
def test_a_distance_shows(slug: str, one_way_s: float, push_link_s: float, transits_s: float) -> None:
    """From the sender to the API, on to the push service if there is one, and to the recipient."""
    load = replace(LOAD, one_way_delay_s=one_way_s, push_link_delay_s=push_link_s)
    cell = measure(Planned(find(slug), "test", load), Cores(None, None), lambda _: None)
    assert cell.verdict.adds_up
    assert min(row.received_s - row.sent_s for row in cell.deliveries) >= transits_s
    assert cell.latency_ms(50) >= 1000 * transits_s
    assert "over all" not in cell.verdict.reason
