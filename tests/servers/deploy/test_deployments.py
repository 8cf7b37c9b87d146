"""A deployment is replaced while in use, and lines outlive their API. More: tests/outages and tests/conformance."""

import asyncio
import os
import signal

import httpx
import pytest

from clients.errors import Refused
from servers.deploy.child_process import started
from servers.transports import find
from tests.support.chat_harness import DEADLINE_S, ChatHarness, deliver

pytestmark = pytest.mark.process


async def test_a_new_version_serves_from_new_processes_and_the_vendors_stays() -> None:
    with started(["servers", "deploy", "pusher-and-serverless", "--port", "0"]) as running:
        async with httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=10) as http:
            await http.get("/health")
            before = (await http.get("/host/stats")).json()["pids"]
            os.kill(running.facts["pids"]["supervisor"], signal.SIGHUP)
            now = await asyncio.to_thread(running.next_line, DEADLINE_S)
            async with asyncio.timeout(DEADLINE_S):  # a request may reach the host before the signal does
                while set(before) & set((await http.get("/host/stats")).json()["pids"]):
                    await http.get("/health")
    assert now["happened"] == "api has its new version"
    assert now["pids"] == running.facts["pids"]


async def test_lines_outlive_the_api_that_writes_for_them() -> None:
    with started(["servers", "deploy", "separate-websocket-server", "--port", "0"]) as running:
        async with ChatHarness(find("raw_websocket"), running.address).joined("Ada", "Bob") as (ada, bob):
            os.kill(running.facts["pids"]["api"], signal.SIGKILL)
            await deliver("while the API comes back", ada, bob)
            assert ada.connected and bob.connected
            with pytest.raises(Refused) as refusal:
                await ada.send("x" * 4097)
            assert refusal.value.code == "too_large"
