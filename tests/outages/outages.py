"""The failures, and how each is made to happen to a deployment that people talk through."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from servers.deploy.child_process import ChildProcess, started
from servers.deploy.deployments import DEPLOYMENTS, Deployment, find
from servers.deploy.relay import Relay
from tests.outages.outcome import Outcome, outcome_of
from tests.outages.people import Size, crowd
from tests.support.guest import until_logins_are_answered
from tests.support.pusher_process import push_service, service_settings

OUTAGE_S = 5.0
LOG_S = 60.0  # how long to wait for a line of the log while a program is restarted, also on a busy machine


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that runs, and the relay to its vendor, if there is one between."""

    running: ChildProcess
    link: Relay | None

    async def kill(self, role: str) -> None:
        """Kill one of our programs, and wait until it has been restarted."""
        os.kill(self.running.facts["pids"][role], signal.SIGKILL)
        await self.await_log(f"{role} started", 1)

    async def hang(self, role: str, for_s: float) -> None:
        await hang(self.running.facts["pids"][role], for_s)

    async def await_log(self, ending: str, times: int) -> None:
        """Read the deployment's log until so many lines of it end with these words; raises ChildFailed."""
        while times:
            line = await asyncio.to_thread(self.running.next_line, LOG_S)
            if line["happened"].endswith(ending):
                times -= 1


async def hang(pid: int, for_s: float) -> None:
    """Stop a process for some seconds: connections stay open, and nobody answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(for_s)
    finally:
        os.kill(pid, signal.SIGCONT)


async def push_server_killed(deployed: Deployed) -> None:
    """Kill the server that holds the connections; it is restarted at once."""
    roles = deployed.running.facts["pids"]
    await deployed.kill(next(role for role in ("push_service", "websocket_server", "server") if role in roles))


async def api_instances_killed(deployed: Deployed) -> None:
    """Kill every instance of the API, busy or not; its host stays, and starts others for the next requests."""
    async with httpx.AsyncClient(trust_env=False) as http:
        stats = await http.get(f"{deployed.running.facts['parts']['api']}/host/stats")
    for pid in stats.json()["pids"]:
        os.kill(pid, signal.SIGKILL)


async def api_host_killed(deployed: Deployed) -> None:
    """Kill the host of the API, and with it every instance: nobody answers until it is restarted, at once."""
    await deployed.kill("api")


async def vendor_unreachable(deployed: Deployed) -> None:
    """Refuse all connections with the vendor, those of the API and those of the people, for OUTAGE_S."""
    assert deployed.link is not None
    deployed.link.is_cut = True
    await asyncio.sleep(OUTAGE_S)
    deployed.link.is_cut = False


async def vendor_hangs(deployed: Deployed) -> None:
    """Stop the vendor's process for OUTAGE_S."""
    await deployed.hang("push_service", OUTAGE_S)


async def new_version(deployed: Deployed) -> None:
    """Deploy a new version of all that is ours."""
    ours = [role for role in deployed.running.facts["parts"] if role != "push_service"]
    os.kill(deployed.running.facts["pids"]["supervisor"], signal.SIGHUP)
    await deployed.await_log("has its new version", len(ours))


Failure = Callable[[Deployed], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outage:
    """One failure of one deployment."""

    deployment: Deployment
    failure: Failure

    def __str__(self) -> str:
        return f"{self.deployment.name}-{self.name}"

    @property
    def name(self) -> str:
        return getattr(self.failure, "__name__", "")


EVERYWHERE = tuple(deployment.name for deployment in DEPLOYMENTS)
WITH_API = ("pusher-and-serverless", "separate-websocket-server")
RENTING = ("pusher-and-serverless",)
FAILURES: dict[Failure, tuple[str, ...]] = {
    push_server_killed: EVERYWHERE,
    api_instances_killed: WITH_API,
    api_host_killed: WITH_API,  # of a single server, it is the one that holds the connections
    vendor_unreachable: RENTING,
    vendor_hangs: RENTING,
    new_version: EVERYWHERE,
}
OUTAGES = tuple(Outage(find(name), failure) for failure, names in FAILURES.items() for name in names)


async def run_outage(outage: Outage, size: Size) -> Outcome:
    """Let people talk through a deployment, and have it fail; see `outcome_of`.

    A vendor that is to be unreachable is reached through a relay.
    """
    async with AsyncExitStack() as stack:
        env: dict[str, str] = {}
        link = None
        if outage.failure is vendor_unreachable:
            service = stack.enter_context(push_service())
            link = await stack.enter_async_context(Relay(lambda: service.address))
            env = service_settings(link.address)
        command = ["servers", "deploy", outage.deployment.name, "--port", "0"]
        deployed = Deployed(stack.enter_context(started(command, env=env)), link)
        await until_logins_are_answered(deployed.running.address)
        joining = crowd(outage.deployment.transport, deployed.running.address, size)
        joined = await stack.enter_async_context(joining)
        return await outcome_of(joined, lambda: outage.failure(deployed), size)
