"""What the suite runs on: one process, two workers behind one port with a shared store, or a whole deployment.

And one process whose push service says who is online, in place of heartbeats; and servers over TLS and HTTP/2.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from servers.core.settings import RenewedBy
from servers.deploy.child_process import ChildProcess, started
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.links import Link
from servers.transports import Transport
from tests.support.chat_harness import DURATIONS, SECRET, serving
from tests.support.engines import Engines


@dataclass(frozen=True, slots=True)
class Processes:
    """A server's processes on one port. store: scheme of the shared store's URL; empty for the embedded one."""

    workers: int = 1
    store: str = ""
    presence: RenewedBy = RenewedBy.HEARTBEAT
    link: Link = Link.PLAIN

    def __str__(self) -> str:
        return "-".join([str(self.workers), self.store or "sqlite", *self.options[1::2]])

    @property
    def options(self) -> list[str]:
        """The options by which it differs from a server with no options."""
        link = [] if self.link is Link.PLAIN else ["--link", self.link]
        return link + ([] if self.presence is RenewedBy.HEARTBEAT else ["--presence", self.presence])

    def serves(self, transport: Transport) -> bool:
        """Tell whether it is a way to run this transport."""
        return transport.needs_push_service or self.presence is RenewedBy.HEARTBEAT

    def serving(
        self, transport: Transport, engines: Engines, *more: str, env: Mapping[str, str] | None = None
    ) -> AbstractContextManager[ChildProcess]:
        """Run it with an empty store of its own; `more`: further options of the servers."""
        shared = ["--workers", str(self.workers), "--store", engines.fresh_url(self.store)] if self.store else []
        return serving(transport, *shared, *self.options, *more, env=env)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One of the deployment options, with a store that it does not start itself."""

    deployment: Deployment

    def __str__(self) -> str:
        return self.deployment.name

    def serves(self, transport: Transport) -> bool:
        return transport.slug == self.deployment.transport

    @contextmanager
    def serving(
        self, transport: Transport, engines: Engines, *more: str, env: Mapping[str, str] | None = None
    ) -> Iterator[ChildProcess]:
        store = "sqlite" if self.deployment.store == "sqlite" else engines.fresh_url(self.deployment.store)
        command = ["servers", "deploy", self.deployment.name, "--port", "0", "--store", store]
        options = ["--server-options", shlex.join([*DURATIONS, *more])]
        with started([*command, *options], env={"CHAT_SECRET": SECRET, **(env or {})}) as running:
            yield running


AnyDeployment = Processes | Deployed
TESTED_DEPLOYMENTS: tuple[tuple[AnyDeployment, tuple[pytest.MarkDecorator, ...]], ...] = (
    (Processes(), ()),
    (Processes(presence=RenewedBy.WEBHOOK), ()),
    (Processes(2, "redis"), ()),
    (Processes(2, "postgresql"), (pytest.mark.drill,)),
    (Processes(link=Link.TLS), (pytest.mark.drill,)),
    (Processes(link=Link.H2), (pytest.mark.drill,)),
    (Processes(2, "redis", link=Link.H2), (pytest.mark.drill,)),
    *((Deployed(deployment), (pytest.mark.drill,)) for deployment in DEPLOYMENTS),
)
"""Every transport on each that serves it; what is marked is left to `make drills`."""
