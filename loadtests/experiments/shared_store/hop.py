"""The hop: how much later a message is seen by somebody whom another process serves.

Teaches to compare within the message. Connections cannot be steered to a worker behind a shared port, but two servers
of one worker each on the same store are the same two processes. Half of each room is on either, so that every message
is seen both by somebody on its sender's server and by others on the other one: the difference is the hop, whatever the
machine does meanwhile. The sender's own echo is left out. A push service stands beside both servers, and serves all.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from loadtests.accounts.accounting import account
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import percentile
from loadtests.harness.children import Look, NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import Way, push_service_apart
from loadtests.harness.generator import generating
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_probe import serving
from loadtests.plan.workload import Workload
from loadtests.reports.trials import Row
from loadtests.targets.target import OurServers
from servers.transports import Transport

SERVERS = 2


@contextmanager
def two_servers(transport: Transport, backing: StoreChoice, cores: Cores, folder: Path, look: Look) -> Iterator[Way]:
    """Run two servers on one store, and one push service for both if they need one; raises NotMeasured."""
    with ExitStack() as stack:
        ground = stack.enter_context(provisioned(backing, cores.servers, folder, look))
        environment = dict(ground.environment)
        if transport.needs_push_service:
            _, found_by = stack.enter_context(push_service_apart(cores.servers, folder, look, lambda address: address))
            environment |= found_by
        addresses = []
        for number in range(SERVERS):
            log = folder / f"server {number + 1} of {transport.slug}.log"
            server = serving(transport.slug, cores.servers, log, look, store=ground.url, environment=environment)
            addresses.append(stack.enter_context(server).address)
        yield Way(",".join(addresses), "")


def measure_hop(transport: Transport, backing: StoreChoice, load: Workload, cores: Cores, look: Look) -> Row:
    """Return a row of `results.schema.CROSS_PROCESS` without its key; waits, and raises NotMeasured."""
    with TemporaryDirectory(prefix="hop-") as name:
        folder = Path(name)
        with (
            two_servers(transport, backing, cores, folder, look) as way,
            generating(OurServers().locust_file(transport.slug), way, load, cores.generator, folder) as generator,
        ):
            window = generator.await_window(look)
            samples = generator.await_samples(look)
        if window is None:
            raise NotMeasured("; ".join(samples.troubles[-4:]))
    return hop_of(samples)


def hop_of(samples: Samples) -> Row:
    """Return what the window's messages took to others on the sender's server, and on the other one."""
    deeds = {(row.room, row.seq): row for row in samples.actions() if samples.window.contains(row.intended_s)}
    latencies_s: dict[bool, list[float]] = {True: [], False: []}
    for row in samples.deliveries():
        deed = deeds.get((row.room, row.seq))
        if deed and row.recipient != deed.sender:
            at_home = row.recipient % SERVERS == deed.sender % SERVERS
            latencies_s[at_home].append(row.received_s - deed.intended_s)
    return {**_told("same", latencies_s[True]), **_told("other", latencies_s[False]), **sums(samples)}


def sums(samples: Samples) -> Row:
    """Return whether all adds up, from the first event on: nothing lost, doubled or out of order."""
    committed = {(row.room, row.seq) for row in samples.actions() if row.seq > 0}
    committed |= {(row.room, row.seq) for row in samples.log()}
    whole = account(committed, samples.deliveries(), samples.sessions)
    return {
        "lost": whole.lost,
        "duplicates": whole.duplicates,
        "out_of_order": whole.out_of_order,
        "send_failures": samples.send_failures,
        "heartbeat_lag_p99_s": percentile(samples.lateness_s(), 99),
    }


def _told(name: str, some_s: Sequence[float]) -> Row:
    p50_s, p95_s = (percentile(some_s, percent) for percent in (50, 95))
    return {f"{name}_n": len(some_s), f"{name}_p50_s": p50_s, f"{name}_p95_s": p95_s}
