"""Every conformance test runs once per row of the registry and deployment: a further transport needs no new test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import Any, cast

import pytest

from servers.deploy.child_process import ChildProcess
from servers.transports import TRANSPORTS, Transport
from tests.support.chat_harness import ChatHarness
from tests.support.deployments import TESTED_DEPLOYMENTS, AnyDeployment
from tests.support.engines import Engines

Serve = Callable[..., AbstractContextManager[ChildProcess]]
ServerOf = Callable[[Transport, AnyDeployment], ChildProcess]


def shared_by(name: str, value: object, *marks: pytest.MarkDecorator) -> Any:
    """Return a fixture's parameter whose tests form one group of pytest-xdist: they share a server."""
    return pytest.param(value, id=name, marks=[pytest.mark.xdist_group(f"conformance {name}"), *marks])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop the pairs of a deployment and a transport that it does not serve.

    A server of a test's own, on any other deployment than the first, is left to `make drills`.
    """
    items[:] = [item for item in items if _exists(_given(item))]
    for item in items:
        if "serve" in getattr(item, "fixturenames", ()) and _given(item)["deployment"] != TESTED_DEPLOYMENTS[0][0]:
            item.add_marker(pytest.mark.drill)


def _given(item: pytest.Item) -> dict[str, Any]:
    """Return the parameters of a test."""
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def _exists(given: dict[str, Any]) -> bool:
    return "deployment" not in given or "transport" not in given or given["deployment"].serves(given["transport"])


@pytest.fixture(params=[shared_by(str(row), row, *marks) for row, marks in TESTED_DEPLOYMENTS], scope="session")
def deployment(request: pytest.FixtureRequest) -> AnyDeployment:
    return cast(AnyDeployment, request.param)


@pytest.fixture(params=[shared_by(row.slug, row, pytest.mark.process) for row in TRANSPORTS], scope="session")
def transport(request: pytest.FixtureRequest) -> Transport:
    return cast(Transport, request.param)


@pytest.fixture
def serve(transport: Transport, deployment: AnyDeployment, engines: Engines, certificates: None) -> Serve:
    """Run a server that a test has for itself; takes what `serving` takes after the transport."""
    return lambda *more, **given: deployment.serving(transport, engines, *more, **given)


@pytest.fixture(scope="session")
def server_of(engines: Engines, certificates: None) -> Iterator[ServerOf]:
    """Start each transport's server once per deployment, when it is first asked for; tests keep apart by rooms."""
    with ExitStack() as stack:

        @cache
        def start(transport: Transport, deployment: AnyDeployment) -> ChildProcess:
            return stack.enter_context(deployment.serving(transport, engines))

        yield start


@pytest.fixture
def harness(transport: Transport, deployment: AnyDeployment, server_of: ServerOf) -> ChatHarness:
    return ChatHarness(transport, server_of(transport, deployment).address)
