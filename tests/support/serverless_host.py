"""A serverless host within the test's own process, whose instances are real processes, and its bill."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from clients.conversation import ChatSession
from clients.errors import ConnectionLost
from clients.http_session import tls_context
from servers.deploy.child_process import free_port
from servers.deploy.deployment_processes import webhook_of
from servers.deploy.serverless.host import hosting
from servers.deploy.serverless.profiles import Profile
from servers.deploy.serverless.profiles import find as find_profile
from servers.transports import find
from tests.support.chat_harness import OPTIONS, ChatHarness
from tests.support.deadline import DEADLINE_S
from tests.support.pusher_process import push_service, service_settings

POLL_S = 0.02
CLASSIC, FLUID = find_profile("classic-hobby"), find_profile("fluid-2026")
LEASE_S = 3.0
PATIENT = replace(OPTIONS, response_s=60.0)  # for clients that wait for a cold start on a busy machine


@asynccontextmanager
async def function(profile: Profile, **limits: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Host tests.support.functions under a profile with other limits; yields a client of it."""
    rng = random.Random(1)
    async with (
        hosting(["tests.support.functions"], replace(profile, **limits), rng=rng) as (address, _),
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as client,
    ):
        yield client


async def bill(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return what the host has metered, whatever its instances do."""
    return dict((await client.get("/host/stats")).json())


async def until(client: httpx.AsyncClient, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read the host's bill, every POLL_S, until something holds of it; return that bill."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if holds(billed := await bill(client)):
                return billed
            await asyncio.sleep(POLL_S)


def longer_than(seconds: float, before: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Return a condition for `until`: that so much time has passed since an earlier bill."""
    return lambda billed: bool(billed["up_s"] > before["up_s"] + seconds)


async def while_waiting(client: httpx.AsyncClient, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two bills, that many seconds apart, between which the only user was waiting and no call began or ended.

    A user polls again from time to time: an interval with such a poll is discarded, and the next one is tried.
    """
    async with asyncio.timeout(2 * DEADLINE_S):
        while True:
            before = await until(client, lambda billed: billed["open_calls"] == 1)
            after = await until(client, longer_than(seconds, before))
            if (after["open_calls"], after["invocations"]) == (1, before["invocations"]):
                return before, after


@dataclass(frozen=True)
class Hosted:
    """A chat whose server is a function, and the host that bills it."""

    chat: ChatHarness
    host: httpx.AsyncClient

    @asynccontextmanager
    async def joined(self, *names: str) -> AsyncIterator[list[ChatSession]]:
        """Have users join; each tries again if a request is cut because its instance starts slowly."""
        async with AsyncExitStack() as stack:
            sessions: list[ChatSession] = []
            while len(sessions) < len(names):
                with suppress(ConnectionLost):
                    joining = await self.chat.log_in(names[len(sessions)])
                    sessions.append(await stack.enter_async_context(joining))
            yield sessions


@asynccontextmanager
async def hosted(
    slug: str, profile: Profile, store: str, *more: str, on_demand: bool = True, **limits: Any
) -> AsyncIterator[Hosted]:
    """Host a transport's server as a function on a store that outlives its instances."""
    command = ["servers", slug, "--port", "0", "--store", store, "--lease", str(LEASE_S), *more]
    command += ["--on-demand"] if on_demand else []
    env = {"CHAT_SECRET": "hosted"}
    port = free_port()
    with ExitStack() as stack:
        if find(slug).needs_push_service:
            service = stack.enter_context(push_service("--webhook", webhook_of(more, port)))
            env |= service_settings(service.address)
        async with (
            hosting(command, replace(profile, **limits), env, port) as (address, _),
            httpx.AsyncClient(base_url=address, trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as host,
        ):
            yield Hosted(ChatHarness(find(slug), address, options=PATIENT), host)
