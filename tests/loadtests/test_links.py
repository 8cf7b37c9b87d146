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
from servers.transports import TRANSPORTS, find

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("measuring")]

LOAD = Workload(users=4, room_size=2, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.25)
DEADLINE_S = 20.0
SLUGS = [row.slug for row in TRANSPORTS]
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


def counts(folder: Path, slug: str) -> Counts:
    """Run a short load through counting relays; return what the generator, the relays and the servers counted."""
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


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
def test_kernel_relay_and_server_count_the_same_bytes_of_every_transport(tmp_path: Path) -> None:
    """All run at once, since only bytes are looked at."""
    with ThreadPoolExecutor(len(SLUGS)) as pool:
        found = dict(zip(SLUGS, pool.map(partial(counts, tmp_path), SLUGS), strict=True))
    for slug, (kernel, relay, server) in found.items():
        assert (kernel, relay) == (server, server), slug
        assert min(kernel) > 1000


def test_a_distance_shows() -> None:
    """From the sender to the API, on to the push service, and to the recipient."""
    load = replace(LOAD, one_way_delay_s=0.02, push_link_delay_s=0.03)
    cell = measure(Planned(find("pusher_adapter"), "test", load), Cores(None, None), lambda _: None)
    assert cell.verdict.adds_up
    assert min(row.received_s - row.sent_s for row in cell.deliveries) >= 0.07
    assert cell.latency_ms(50) >= 70
    assert "over all" not in cell.verdict.reason
