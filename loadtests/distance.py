"""The servers of one measurement, and the delays on the way to them.

Teaches which links a transport has. Clients reach the API, and with a push service that service, too: the workload's
`one_way_delay_s` lies on both. The link from the API to the push service is another one, `push_link_delay_s`: a rented
service is far away, or next door. A link without delay has no relay. Relays run on the load generator's core, so that
the servers' CPU time is theirs alone.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtests.children import Look, NotMeasured, module, running
from loadtests.cores import Cores
from loadtests.manifest import push_service
from loadtests.restarts import Servers
from loadtests.server_probe import READY_S
from loadtests.workload import Workload
from servers.transports import RENTED, Transport


@dataclass(frozen=True, slots=True)
class Way:
    """Where the clients find the servers. push_service: empty if they are to ask the API."""

    api: str
    push_service: str


@contextmanager
def serving_at_distance(
    transport: Transport, workload: Workload, cores: Cores, folder: Path, look: Look
) -> Iterator[tuple[Servers, Way]]:
    """Run the servers of a transport, and the relays that the workload asks for; raises NotMeasured."""

    def relayed(address: str, delay_s: float, name: str) -> str:
        if not delay_s:
            return address
        target, delay_ms = address.removeprefix("http://"), str(delay_s * 1000)
        command = module("loadtests.relay", "--to", target, "--delay-ms", delay_ms)
        relay = stack.enter_context(running(command, cores.generator, folder / f"relay {name}.log"))
        return str(relay.next_line(READY_S, look)["address"])

    with ExitStack() as stack:
        link_s = workload.push_link_delay_s if transport.needs_push_service else 0.0
        service, environment = {}, {}
        if link_s:
            environment = _credentials()
            command = module("servers.pusher_service", "--port", "0", "--attached")
            child = running(command, cores.servers, folder / "push service.log", environment)
            service = stack.enter_context(child).next_line(READY_S, look)
            host, _, port = relayed(service["address"], link_s, "API to push service").rpartition(":")
            environment |= {"PUSHER_HOST": host.removeprefix("http://"), "PUSHER_PORT": port}
        servers = stack.enter_context(Servers(transport.slug, cores.servers, folder, look, environment))
        if service:
            pids = {**servers.server.pids, "push_service": service["pid"]}
            servers.server = replace(servers.server, push_service=service["address"], pids=pids)
        server = servers.server
        delay_s = workload.one_way_delay_s
        api = relayed(server.address, delay_s, "to API")
        moved = server.push_service and (delay_s or link_s)
        yield servers, Way(api, relayed(server.push_service, delay_s, "to push service") if moved else "")


def _credentials() -> dict[str, Any]:
    """Return what a stand-in and its API share; raises NotMeasured if a rented service is to be used."""
    if push_service() == RENTED:
        raise NotMeasured("push_link_delay_s: the way to a rented push service is what it is; unset PUSHER_KEY, or it")
    return {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
