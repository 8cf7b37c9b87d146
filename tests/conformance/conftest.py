"""Every conformance test runs once per row of the registry: a further transport needs no new test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from servers.deploy.processes import Running
from servers.transports import TRANSPORTS, Transport
from tests.conformance.stage import Stage, serving


@pytest.fixture(params=TRANSPORTS, ids=lambda transport: transport.slug, scope="session")
def transport(request: pytest.FixtureRequest) -> Transport:
    row: Transport = request.param
    return row


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[Transport], Running]]:
    """Start each transport's server once, when it is first asked for; tests keep apart by rooms."""
    running: dict[str, Running] = {}
    with ExitStack() as stack:

        def start(transport: Transport) -> Running:
            if transport.slug not in running:
                running[transport.slug] = stack.enter_context(serving(transport))
            return running[transport.slug]

        yield start


@pytest.fixture
def stage(transport: Transport, server_of: Callable[[Transport], Running]) -> Stage:
    return Stage(transport, server_of(transport).address)
