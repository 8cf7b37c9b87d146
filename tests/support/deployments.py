"""What the suite runs on: one process, two workers behind one port with a shared store, or a whole deployment.

And one process whose push service says who is online, in place of heartbeats; and servers over TLS and HTTP/2.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from servers.deploy.child_process import ChildProcess, started
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.transports import Transport
from tests.support.chat_harness import DURATIONS, SECRET, serving
from tests.support.engines import Engines


@dataclass(frozen=True, slots=True)
class AnyDeployment:
    """The servers of one transport with these options, or a whole deployment; with a store that is not started here."""

    store: str
    options: tuple[str, ...] = ()
    whole: Deployment | None = None

    def __str__(self) -> str:
        return self.whole.name if self.whole else "-".join([self.store, *self.options[1::2]])

    def serves(self, transport: Transport) -> bool:
        """Tell whether it is a way to run this transport."""
        if self.whole:
            return transport.slug == self.whole.transport
        return transport.needs_push_service or "--presence" not in self.options

    @contextmanager
    def serving(
        self, transport: Transport, engines: Engines, *more: str, env: Mapping[str, str] | None = None
    ) -> Iterator[ChildProcess]:
        """Run it with an empty store of its own; `more`: further options of the servers."""
        store = [] if self.store == "sqlite" else ["--store", engines.fresh_url(self.store)]  # which is the default
        if self.whole:
            command = ["servers", "deploy", self.whole.name, "--port", "0", *store]
            options = ["--server-options", shlex.join([*DURATIONS, *more])]
            running = started([*command, *options], env={"CHAT_SECRET": SECRET, **(env or {})})
        else:
            running = serving(transport, *store, *self.options, *more, env=env)
        with running as server:
            yield server


TWO, H2, DRILL = ("--workers", "2"), ("--link", "h2"), (pytest.mark.drill,)
TESTED_DEPLOYMENTS: tuple[tuple[AnyDeployment, tuple[pytest.MarkDecorator, ...]], ...] = (
    (AnyDeployment("sqlite"), ()),
    (AnyDeployment("sqlite", ("--presence", "webhook")), ()),
    (AnyDeployment("redis", TWO), ()),
    (AnyDeployment("postgresql", TWO), DRILL),
    (AnyDeployment("sqlite", ("--link", "tls")), DRILL),
    (AnyDeployment("sqlite", H2), DRILL),
    (AnyDeployment("redis", (*TWO, *H2)), DRILL),
    *((AnyDeployment(whole.store, whole=whole), DRILL) for whole in DEPLOYMENTS),
)
"""Every transport on each that serves it; what is marked is left to `make drills`."""
