"""Each deployment starts by one command, carries a conversation, and is replaced while in use."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from clients.errors import Refused
from servers.core.wire import Kind
from servers.deploy.child_process import ChildProcess, started
from servers.deploy.deployments import DEPLOYMENTS, Deployment, find
from servers.transports import find as find_transport
from tests.support.chat_harness import DEADLINE_S, ChatHarness, deliver, events, online, until

pytestmark = pytest.mark.process


@contextmanager
def deployed(deployment: Deployment) -> Iterator[ChildProcess]:
    with started(["servers", "deploy", deployment.name, "--port", "0"]) as running:
        yield running


def harness_of(running: ChildProcess) -> ChatHarness:
    return ChatHarness(find_transport(running.facts["transport"]), running.address)


async def next_change(running: ChildProcess) -> dict[str, Any]:
    """Return the next change that a deployment reports."""
    return await asyncio.to_thread(running.next_line, DEADLINE_S)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
async def test_a_deployment_carries_a_whole_conversation(deployment: Deployment) -> None:
    with deployed(deployment) as running:
        async with harness_of(running).joined("Ada", "Bob") as (ada, bob):
            both = {ada.account.name, bob.account.name}
            await until(ada, lambda: online(ada) == both)
            ack = await ada.send("hello")
            await ada.typing()
            await bob.mark_read(ack.seq)
            received = await events(bob, 3, Kind.MESSAGE, Kind.TYPING, Kind.RECEIPT)
            assert [event.body for event in received] == ["hello", "started", str(ack.seq)]
            assert [event.body for event in await bob.history(ack.seq + 1)] == ["hello"]
        engine = set() if deployment.store == "sqlite" else {"store"}
        assert set(running.facts["pids"]) == {*running.facts["parts"], "supervisor", *engine}


async def test_a_new_version_serves_from_new_processes_and_the_vendors_stays() -> None:
    with deployed(find("pusher-and-serverless")) as running:
        async with httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=10) as http:
            await http.get("/health")
            before = (await http.get("/host/stats")).json()["pids"]
            os.kill(running.facts["pids"]["supervisor"], signal.SIGHUP)
            now = await next_change(running)
            async with asyncio.timeout(DEADLINE_S):  # a request may reach the host before the signal does
                while set(before) & set((await http.get("/host/stats")).json()["pids"]):
                    await http.get("/health")
    assert now["happened"] == "api has its new version"
    assert now["pids"] == running.facts["pids"]


async def test_lines_outlive_the_api_that_writes_for_them() -> None:
    with deployed(find("separate-websocket-server")) as running:
        async with harness_of(running).joined("Ada", "Bob") as (ada, bob):
            os.kill(running.facts["pids"]["api"], signal.SIGKILL)
            await deliver("while the API comes back", ada, bob)
            assert ada.connected and bob.connected
            with pytest.raises(Refused) as refusal:
                await ada.send("x" * 4097)
            assert refusal.value.code == "too_large"
