"""The servers of one measurement, and the links by which clients reach them.

Teaches which links a transport has: from the clients to the API and, with a push service, from the clients to that
service and from the API to it; a rented service may be far away or near. Each link may lead through a relay that
delays, or through a recorder. The workload's `one_way_delay_s` delays both of the clients' links, its
`push_link_delay_s` the third. Relays run on the load generator's core, so that the servers' core is the servers' alone.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtests.harness.children import NotMeasured, running
from loadtests.harness.cores import Cores
from loadtests.harness.manifest import push_service
from loadtests.harness.parts import PROXY
from loadtests.harness.provisioned_store import DEFAULT_STORE, StoreChoice, provisioned
from loadtests.harness.restarts import RestartableServers
from loadtests.harness.server_probe import READY_S
from loadtests.harness.tls_proxy import proxied
from loadtests.plan.workload import PLAIN, Workload
from servers.deploy.child_process import OnTick, python_module
from servers.transports import RENTED, Transport


class Link(StrEnum):
    API = "clients to API"
    PUSH_SERVICE = "clients to push service"
    PUBLISHING = "API to push service"


CERTIFICATES = "CHAT_CERTIFICATES"
"""The variable that names the folder of the servers' certificates, which they make."""

Interpose = Callable[[str], str]
"""Puts a relay into a link: is given the address (http://host:port) at its end, and returns the relay's address."""


@dataclass(frozen=True, slots=True)
class ClientAddresses:
    """Where the clients find the servers. push_service: empty if the API names it. authority: see `Server`."""

    api: str
    push_service: str = ""
    authority: str = ""


@contextmanager
def serving_at_distance(
    transport: Transport,
    workload: Workload,
    cores: Cores,
    folder: Path,
    on_tick: OnTick | None,
    store: StoreChoice = DEFAULT_STORE,
) -> Iterator[tuple[RestartableServers, ClientAddresses]]:
    """Run the servers of a transport, and the relays that the workload asks for; raises NotMeasured."""
    delays_s = {
        Link.API: workload.one_way_delay_s,
        Link.PUSH_SERVICE: workload.one_way_delay_s,
        Link.PUBLISHING: workload.push_link_delay_s,
    }
    with ExitStack() as relays:

        def relayed(link: Link, address: str) -> str:
            scheme, _, target = address.partition("://")
            delay_ms = str(delays_s[link] * 1000)
            command = python_module("loadtests.harness.relay", "--to", target, "--delay-ms", delay_ms)
            relay = relays.enter_context(running(command, cores.generator, folder / f"relay, {link}.log"))
            return scheme + str(relay.next_line(READY_S, on_tick)["address"]).removeprefix("http")

        links = {link: partial(relayed, link) for link, delay_s in delays_s.items() if delay_s}
        with serving_over(links, transport, workload, cores, folder, on_tick, store) as served:
            yield served


@contextmanager
def serving_over(
    links: Mapping[Link, Interpose],
    transport: Transport,
    workload: Workload,
    cores: Cores,
    folder: Path,
    on_tick: OnTick | None,
    store: StoreChoice = DEFAULT_STORE,
) -> Iterator[tuple[RestartableServers, ClientAddresses]]:
    """Run the servers of a transport, which clients and API reach over these links; raises NotMeasured."""

    def over(link: Link, address: str) -> str:
        """Return the address at which a server is reached over a link."""
        return links[link](address) if link in links else address

    with ExitStack() as stack:
        service: dict[str, Any] = {}
        environment = {CERTIFICATES: str(folder / "certificates")}  # a restarted server uses the same ones
        if transport.needs_push_service and Link.PUBLISHING in links:
            publishing = links[Link.PUBLISHING]
            apart = push_service_apart(cores.servers, folder, on_tick, publishing, environment, workload.link)
            service, variables = stack.enter_context(apart)
            environment |= variables
        ready_store = stack.enter_context(provisioned(store, cores.servers, folder, on_tick))
        options = ["--link", PLAIN if workload.proxy else workload.link]  # nginx uses plain HTTP to the server
        options += ["--presence", "webhook"] if workload.webhooks else []
        options += ["--compress"] if workload.compress else []
        servers = stack.enter_context(
            RestartableServers(transport.slug, cores.servers, folder, on_tick, ready_store, environment, options)
        )
        if service:
            pids = {**servers.server.pids, "push_service": service["pid"]}
            servers.server = replace(servers.server, push_service=service["address"], pids=pids)
        server = servers.server
        address, authority = server.address, server.authority
        if workload.proxy:
            nginx = stack.enter_context(proxied(address, cores.servers, folder / "nginx"))
            servers.server = replace(server, pids={**server.pids, PROXY: nginx.pid})
            address, authority = nginx.address, nginx.authority
        moved = server.push_service and (service or Link.PUSH_SERVICE in links)
        push_service_address = over(Link.PUSH_SERVICE, server.push_service) if moved else ""
        yield servers, ClientAddresses(over(Link.API, address), push_service_address, authority)


@contextmanager
def push_service_apart(
    core: int | None,
    folder: Path,
    on_tick: OnTick | None,
    interpose: Interpose,
    environment: Mapping[str, str] | None = None,
    kind: str = PLAIN,
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Run the stand-in by itself; yields its ready line, and the environment variables by which an API finds it.

    interpose: puts a relay between the API and the stand-in. environment: added to the stand-in's. kind: of the
    clients' links, one of LINKS. Raises NotMeasured.
    """
    shared = credentials()
    command = python_module("servers.pusher_service", "--port", "0", "--attached", "--link", kind)
    with running(command, core, folder / "push service.log", {**(environment or {}), **shared}) as child:
        service = child.next_line(READY_S, on_tick)
        url = urlsplit(interpose(service["address"]))
        tls = str(int(url.scheme == "https"))
        yield service, {**shared, "PUSHER_HOST": str(url.hostname), "PUSHER_PORT": str(url.port), "PUSHER_TLS": tls}


def credentials() -> dict[str, str]:
    """Return the credentials of a stand-in and its API; raises NotMeasured if a rented service is to be used."""
    if push_service() == RENTED:
        reason = "the way to a rented push service is what it is, and nothing can be laid in"
        raise NotMeasured(f"{reason}: unset PUSHER_KEY")
    return {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
