"""The failures, and how each is made to happen to a deployment that people talk through."""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import httpx

from servers.deploy.deployments import OPTIONS, Option, find
from servers.deploy.processes import Running, started
from tests.outages.outcome import Outcome, outcome
from tests.outages.people import crowd
from tests.support.relay import Relay

OUTAGE_S = 5.0
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Has Python keep what it compiles, whoever runs them: without, a server of ours took 0.38 s to start, not 0.17."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many people talk how often, and for how long before and after what happens.

    catch_up_s: how long is waited at most, once nobody talks any more, for what somebody has not heard yet.
    """

    people: int = 8
    every_s: float = 0.5
    before_s: float = 3.0
    after_s: float = 6.0
    catch_up_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Drilled:
    """A deployment that runs, and the link to its vendor, if there is one between."""

    running: Running
    link: Relay | None

    def kill(self, role: str) -> None:
        os.kill(self.running.facts["pids"][role], signal.SIGKILL)

    async def instances(self) -> list[int]:
        """Return the process ids of the functions that the host of the API has just now."""
        async with httpx.AsyncClient(trust_env=False) as http:
            pids: list[int] = (await http.get(f"{self.running.facts['parts']['api']}/host/stats")).json()["pids"]
        return pids

    async def until_told(self, ending: str, times: int) -> None:
        """Read what the deployment says of itself until so many lines of it end with these words."""
        output = self.running.process.stdout
        assert output is not None
        while times:
            told = json.loads(await asyncio.to_thread(output.readline))
            times -= told["happened"].endswith(ending)


async def push_server_killed(drilled: Drilled) -> None:
    """Kill whoever holds the lines; it is started anew at once."""
    roles = drilled.running.facts["pids"]
    role = next(role for role in ("push_service", "websocket_server", "server") if role in roles)
    drilled.kill(role)
    await drilled.until_told(f"{role} started", 1)


async def api_instances_killed(drilled: Drilled) -> None:
    """Kill every instance of the API, busy or not; its host stays, and starts others when it is asked."""
    for pid in await drilled.instances():
        os.kill(pid, signal.SIGKILL)


async def api_host_killed(drilled: Drilled) -> None:
    """Kill the host of the API, and with it every instance: nobody answers until it is started anew, at once."""
    drilled.kill("api")
    await drilled.until_told("api started", 1)


async def vendor_unreachable(drilled: Drilled) -> None:
    """Refuse all connections with the vendor, those of the API and those of the people, for OUTAGE_S."""
    assert drilled.link is not None
    drilled.link.cut()
    await asyncio.sleep(OUTAGE_S)
    drilled.link.mend()


async def vendor_hangs(drilled: Drilled) -> None:
    """Stop the vendor where it is for OUTAGE_S: connections stand, and nobody answers."""
    pid = drilled.running.facts["pids"]["push_service"]
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(OUTAGE_S)
    finally:
        os.kill(pid, signal.SIGCONT)


async def new_version(drilled: Drilled) -> None:
    """Deploy a new version of all that is ours."""
    ours = [role for role in drilled.running.facts["parts"] if role != "push_service"]
    os.kill(drilled.running.facts["pids"]["supervisor"], signal.SIGHUP)
    await drilled.until_told("has its new version", len(ours))


Failure = Callable[[Drilled], Awaitable[None]]
EVERYWHERE = tuple(option.name for option in OPTIONS)
WITH_API = ("pusher-and-serverless", "separate-websocket-server")
RENTING = ("pusher-and-serverless",)


@dataclass(frozen=True, slots=True)
class Drill:
    """One failure of one option. by_link: the vendor is not the deployment's own, and is reached over a link."""

    option: Option
    failure: Failure
    by_link: bool = False

    def __str__(self) -> str:
        return f"{self.option.name}-{self.name}"

    @property
    def name(self) -> str:
        return getattr(self.failure, "__name__", "")


TABLE: tuple[tuple[Failure, tuple[str, ...]], ...] = (
    (push_server_killed, EVERYWHERE),
    (api_instances_killed, WITH_API),
    (api_host_killed, WITH_API),  # of a single server, it is who holds the lines
    (vendor_unreachable, RENTING),
    (vendor_hangs, RENTING),
    (new_version, EVERYWHERE),
)
DRILLS = tuple(Drill(find(name), failure, failure is vendor_unreachable) for failure, names in TABLE for name in names)


async def drill(given: Drill, size: Size) -> Outcome:
    """Let people talk through a deployment, have it fail, and return what came of it, be it a loss.

    Raises TimeoutError or ClientError if a message is never acknowledged: then there is nothing to count on.
    """
    async with deployed(given) as drilled:
        address = drilled.running.address
        async with crowd(given.option.transport, address, size.people) as people:
            people.start(size.every_s)
            await asyncio.sleep(size.before_s)
            began_s = monotonic()
            await given.failure(drilled)
            over_s = monotonic()
            await asyncio.sleep(size.after_s)
            await people.finish(size.catch_up_s)
            return outcome(people.people, began_s, over_s)


@asynccontextmanager
async def deployed(given: Drill) -> AsyncIterator[Drilled]:
    """Run the option's deployment as its users would have it."""
    async with AsyncExitStack() as stack:
        env = {**COMPILED}
        link: Relay | None = None
        if given.by_link:
            env |= {"PUSHER_APP_ID": "1", "PUSHER_KEY": "key", "PUSHER_SECRET": secrets.token_hex(8)}
            service = stack.enter_context(started(["servers.pusher_service", "--port", "0"], env=env))
            link = await stack.enter_async_context(Relay(service.address))
            env |= {"PUSHER_HOST": "127.0.0.1", "PUSHER_PORT": str(link.port)}
        command = ["servers", "deploy", given.option.name, "--port", "0"]
        yield Drilled(stack.enter_context(started(command, env=env)), link)
