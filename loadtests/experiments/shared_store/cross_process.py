"""Cross-process delay: how much later a message reaches a user whom another process serves.

Teaches to compare within the message. Half of each room is on either of two servers with the same store, so every
message reaches users on its sender's server and on the other one: the difference is the delay, whatever else the
machine does meanwhile. The sender's own echo does not count.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from loadtests.accounts.cell import Cell, digest, make_cell, scheduled
from loadtests.accounts.samples import Samples
from loadtests.accounts.verdict import Status, percentile
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.harness.distance import ClientAddresses, push_service_apart
from loadtests.harness.generator import generating
from loadtests.harness.provisioned_store import StoreChoice, provisioned
from loadtests.harness.server_probe import serving
from loadtests.reports.trials import WRONG, Row
from loadtests.scenarios import Planned
from loadtests.targets.target import OurServers
from servers.transports import Transport

SERVERS = 2
ACCOUNT = (*WRONG, "heartbeat_lag_p99_s")
"""The columns that tell whether all adds up, from the first event on, and the generator's own lag."""


@contextmanager
def two_servers(transport: Transport, store: StoreChoice, cores: Cores, folder: Path) -> Iterator[ClientAddresses]:
    """Run two servers on one store, and one push service for both if they need one; raises NotMeasured."""
    with ExitStack() as stack:
        shared = stack.enter_context(provisioned(store, cores.servers, folder))
        environment = dict(shared.environment)
        if transport.needs_push_service:
            _, variables = stack.enter_context(push_service_apart(cores.servers, folder, None, lambda address: address))
            environment |= variables
        addresses = []
        for number in range(SERVERS):
            log = folder / f"server {number + 1} of {transport.slug}.log"
            server = serving(transport.slug, cores.servers, log, store=shared.url, environment=environment)
            addresses.append(stack.enter_context(server).address)
        yield ClientAddresses(",".join(addresses))


def measure_cross_process(planned: Planned, store: StoreChoice, cores: Cores) -> Row:
    """Return a row of `results.schema.CROSS_PROCESS` without its key; waits, and raises NotMeasured."""
    transport, load = planned.transport, planned.workload
    with TemporaryDirectory(prefix="cross-process-") as name:
        folder = Path(name)
        with (
            two_servers(transport, store, cores, folder) as addresses,
            generating(OurServers().locust_file(transport.slug), addresses, load, cores.generator, folder) as generator,
        ):
            window = generator.await_window()
            samples = generator.await_samples()
    if window is None:
        raise NotMeasured("; ".join(samples.troubles[-4:]))
    cell = make_cell(planned, samples, {}, digest(scheduled(planned.workload)))
    return latencies(samples) | account(cell)


def account(cell: Cell) -> Row:
    """Return the columns of ACCOUNT; raises NotMeasured if the cell is void for a reason that none of them shows."""
    found: Row = {name: cell.figures[name] for name in ACCOUNT}
    if cell.verdict.status is Status.VOID and not any(found[name] for name in WRONG):
        raise NotMeasured(cell.verdict.reason)
    return found


def latencies(samples: Samples) -> Row:
    """Return the latency of the window's messages to users on the sender's server and on the other one."""
    sent = {(row.room, row.seq): row for row in samples.sent if samples.window.contains(row.intended_s)}
    latencies_s: dict[str, list[float]] = {"same": [], "other": []}
    for row in samples.received:
        action = sent.get((row.room, row.seq))
        if action and row.recipient != action.sender:
            server = "same" if row.recipient % SERVERS == action.sender % SERVERS else "other"
            latencies_s[server].append(row.received_s - action.intended_s)
    figures: Row = {}
    for server, some_s in latencies_s.items():
        figures |= {f"{server}_n": len(some_s)}
        figures |= {f"{server}_p{percent}_s": percentile(some_s, percent) for percent in (50, 95)}
    return figures
