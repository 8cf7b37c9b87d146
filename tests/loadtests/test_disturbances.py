"""Real loads with something in their way: relays, a distance, a second of stall, a restart of the server."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep

import psutil
import pytest

from loadtests.accounts.cell import Cell
from loadtests.accounts.wire_bytes import WireBytes
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses
from loadtests.harness.generator import generating
from loadtests.harness.measurement import measure
from loadtests.harness.restarts import OUTLASTED
from loadtests.harness.server_probe import Probe, server_counters, serving
from loadtests.plan.workload import H2, Workload
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from results.schema import CELLS
from servers.deploy.child_process import ChildProcess, python_module
from servers.transports import TRANSPORTS, find
from tests.support.deadline import DEADLINE_S

pytestmark = pytest.mark.process

LOAD = Workload(users=4, room_size=2, rate_per_s=2.0, measured_s=1.0, poll_interval_s=0.25)
STALLED = Workload(users=8, room_size=4, rate_per_s=4.0, measured_s=2.5, poll_interval_s=0.5)
RESTARTED = Workload(users=8, room_size=4, rate_per_s=1.0, poll_interval_s=0.5, measured_s=4.0, restart_at_s=0.5)
STALL_S = 1.0
UNFLUSHED_S = 10.0  # what a compressor keeps waits for more to come, or for the end
SLUGS = [row.slug for row in TRANSPORTS]
PARENT = """
import sys, time
from pathlib import Path
from loadtests.harness.tls_proxy import proxied
with proxied("http://127.0.0.1:1", None, Path(sys.argv[1])):
    print(flush=True)
    time.sleep(600)
"""


@contextmanager
def counting(address: str) -> Iterator[tuple[str, Callable[[], WireBytes]]]:
    """Put a relay without delay before a server; yield its address, and what ends it and returns its byte counts."""
    with ChildProcess(python_module("loadtests.harness.relay", "--to", address.removeprefix("http://"))) as relay:

        def carried() -> WireBytes:
            relay.close_input()
            totals = relay.next_line(DEADLINE_S)
            return WireBytes(totals["up_bytes"], totals["down_bytes"])

        yield relay.await_ready().address, carried


def counts(folder: Path, slug: str) -> tuple[WireBytes, WireBytes, WireBytes]:
    """Run a short load through counting relays; return what the generator, the relays and the servers counted."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(slug, None, folder / f"{slug}.log"))
        links = [stack.enter_context(counting(at)) for at in (server.address, server.push_service) if at]
        clients = ClientAddresses(*(address for address, _ in links))
        generator = stack.enter_context(generating(OurServers().locust_file(slug), clients, LOAD, None, folder))
        assert generator.await_window()
        client = generator.await_samples().client_bytes
        assert client is not None
        relayed = reduce(WireBytes.plus, (carried() for _, carried in links))
        return client.total, relayed, Probe(server, os.getpid(), server_counters).read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
def test_kernel_relay_and_server_count_the_same_bytes_of_every_transport(tmp_path: Path) -> None:
    """All run at once, since only bytes are compared."""
    with ThreadPoolExecutor(len(SLUGS)) as pool:
        found = dict(zip(SLUGS, pool.map(partial(counts, tmp_path), SLUGS), strict=True))
    for slug, (kernel, relay, server) in found.items():
        assert (kernel, relay) == (server, server), slug
        assert min(kernel) > 1000


def measured(slug: str, load: Workload) -> Cell:
    """Measure a transport under a load, of which all arrives, once."""
    cell = measure(Planned(find(slug), "test", load), Cores(None, None), lambda _: None, OurServers())
    assert cell.verdict.adds_up, cell.verdict.reason
    return cell


def test_a_delay_is_added_for_each_of_three_transits() -> None:
    """From the sender to the API, on to the push service, and to the recipient."""
    cell = measured("pusher_adapter", replace(LOAD, one_way_delay_s=0.02, push_link_delay_s=0.03))
    assert min(row.received_s - row.sent_s for row in cell.deliveries) >= 0.07
    assert cell.latency_ms(50) >= 70
    assert "over all" not in cell.verdict.reason


@pytest.mark.parametrize("slug", ["long_polling", "raw_websocket", "server_sent_events"])
def test_compression_saves_bytes_and_delays_no_message(slug: str) -> None:
    load = replace(LOAD, text_bytes=2000, compress=1)
    cell = measured(slug, load)
    assert "over all" not in cell.verdict.reason
    assert cell.number("server_down_bytes") < cell.number("delivered") * load.text_bytes
    assert max(row.received_s - row.sent_s for row in cell.deliveries) < UNFLUSHED_S, "a stream is flushed"


def test_nginx_ends_tls_and_its_work_is_counted_apart() -> None:
    cell = measured("long_polling", replace(LOAD, link="h2", proxy=1))
    assert cell.settings["link"] == "plain"
    assert cell.number("proxy_cpu_s") > 0
    assert cell.number("client_up_bytes") < cell.number("server_up_bytes"), "between the two go whole header fields"


def test_nginx_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    with psutil.Popen([sys.executable, "-c", PARENT, str(tmp_path / "nginx")], stdout=subprocess.PIPE) as started:
        started.stdout.readline()
        nginx = started.children(recursive=True)
        started.kill()
        assert len(nginx) == 2, "a master and a worker"
        assert psutil.wait_procs(nginx, DEADLINE_S)[1] == []


@pytest.mark.parametrize("resume_tls", [0, 1])
def test_handshakes_are_counted_and_a_resumed_one_carries_no_certificate(resume_tls: int) -> None:
    cell = measured("short_polling", replace(LOAD, link="tls", keep_alive=0, resume_tls=resume_tls))
    full = cell.number("tls_full_handshakes")
    resumed = cell.number("tls_resumed_handshakes")
    assert min(full, cell.number("tls_full_s")) > 0
    if resume_tls:
        assert full == LOAD.users, "a user begins one session"
        assert resumed > full
        assert cell.number("tls_resumed_bytes") < cell.number("tls_full_bytes") - 500
    else:
        assert resumed == 0


def test_a_user_who_returns_before_the_webhook_of_leaving_misses_nothing() -> None:
    cell = measured("pusher_adapter", replace(LOAD, webhooks=1, comings_per_s=1.0, measured_s=4.0))
    assert cell.settings["presence"] == "webhook"


def stall(pid: int) -> tuple[float, float]:
    """Stop a process for STALL_S, and return when that began and ended; waits."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            pass
        began_s = perf_counter()
        sleep(STALL_S)
        return began_s, perf_counter()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_second_of_stall_shows_in_full_and_nothing_is_lost(tmp_path: Path) -> None:
    """Coordinated omission: a generator that waits for responses sends nothing while the server stalls.

    Measured from the actual send, that shows as one slow response for each user. Measured from the intended send, every
    message that was due during the stall is late.
    """
    file = OurServers().locust_file("raw_websocket")
    with (
        serving("raw_websocket", None, tmp_path / "server.log") as server,
        generating(file, ClientAddresses(server.address), STALLED, None, tmp_path) as generator,
    ):
        window = generator.await_window()
        assert window is not None
        sleep(max(0.0, window.start_s + 0.5 - perf_counter()))
        began_s, ended_s = stall(server.pids["api"])
        samples = generator.await_samples()
    assert (samples.send_failures, samples.troubles) == (0, [])
    due_s = {(row.room, row.seq): row.intended_s for row in samples.sent if window.contains(row.intended_s)}
    came = [row for row in samples.received if (row.room, row.seq) in due_s]
    assert quantiles([row.received_s - due_s[row.room, row.seq] for row in came], n=100)[98] > 0.75 * STALL_S
    late_s = [row.received_s for row in came if began_s < due_s[row.room, row.seq] < ended_s]
    assert min(late_s) >= ended_s, "each took until the end of the stall, at least"
    # Measured from the actual send, most of it would be hidden: each user waits for an acknowledgement, so at most one
    # message of each is sent in the stall.
    sent_s = [row.sent_s for row in samples.sent if began_s < row.intended_s < ended_s]
    assert sum(moment_s < ended_s for moment_s in sent_s) <= STALLED.users < len(sent_s)


def test_after_a_restart_each_user_reconnects_by_one_request_and_every_message_arrives_once() -> None:
    """The generator may lag on a busy machine, so only counts are tested."""
    restarted = measured("raw_websocket", RESTARTED)
    figures = restarted.figures
    assert figures["delivered"] == figures["expected"] == 4 * restarted.number("messages") > 0
    assert figures["storm_returns"] == RESTARTED.users
    assert figures["storm_requests"] == RESTARTED.users or OUTLASTED in restarted.verdict.reason
    assert 0 <= restarted.number("storm_p50_s") <= restarted.number("storm_max_s")
    counted = [column.name for column in CELLS if column.dtype == "int64"]
    assert {name: type(figures[name]) for name in counted} == dict.fromkeys(counted, int)


@pytest.mark.usefixtures("certificates")
@pytest.mark.parametrize(("slug", "link"), [("long_polling", "plain"), ("server_sent_events", H2)])
def test_users_over_http_return_after_a_restart_and_every_message_arrives_once(slug: str, link: str) -> None:
    restarted = measured(slug, replace(RESTARTED, link=link))
    assert restarted.figures["delivered"] == restarted.figures["expected"] == 4 * restarted.number("messages") > 0
