"""Several instances over one store: what a client sees whose requests reach a different one each time."""

import asyncio
from typing import Any

import httpx
import pytest

from servers.core.wire import Kind
from tests.support.chat_harness import events
from tests.support.engines import Engines
from tests.support.serverless_host import CLASSIC, hosted, while_waiting

pytestmark = pytest.mark.process
TIMES = 20
FOUR = ("user",) * 4


class Poller:
    """A user who polls over plain HTTP: each request may reach another instance."""

    def __init__(self, host: httpx.AsyncClient) -> None:
        self._host = host
        self._headers: dict[str, str] = {}

    async def join(self) -> str:
        """Log in and join; return the cursor."""
        token = (await self._host.post("/login", json={"name": "Ada"})).json()["token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        snapshot = (await self._host.post("/rooms/room/join", json={"connection": "1"}, headers=self._headers)).json()
        return f"{snapshot['epoch']}.{snapshot['head']}"

    async def send(self, text: str) -> int:
        """Send a message; return its number in the log."""
        message = {"client_id": text, "text": text}
        return int((await self._host.post("/rooms/room/send", json=message, headers=self._headers)).json()["seq"])

    async def read(self, after: str) -> list[dict[str, Any]]:
        query = {"after": after, "connection": "1"}
        response = await self._host.get("/rooms/room/events", params=query, headers=self._headers)
        return list(response.json()["events"])


async def test_a_message_that_was_acknowledged_is_read_on_whatever_instance_is_met(engines: Engines) -> None:
    assert await overlooked(engines, on_demand=True) == 0


async def test_instances_that_remember_overlook_what_others_have_committed_since(engines: Engines) -> None:
    assert await overlooked(engines, on_demand=False) > 0


async def overlooked(engines: Engines, on_demand: bool) -> int:
    """Return how many of TIMES acknowledged messages the very next read did not return."""
    async with hosted("short_polling", CLASSIC, engines.fresh_url("redis"), on_demand=on_demand) as function:
        ada = Poller(function.host)
        after = await ada.join()
        await asyncio.gather(*(ada.read(after) for _ in range(3)))  # now several instances have seen the room
        missed = 0
        for number in range(TIMES):
            seq = await ada.send(f"message {number}")
            missed += seq not in [event["seq"] for event in await ada.read(after)]
        billed = await function.bill()
    assert billed["cold_starts"] >= 2
    return missed


async def test_held_requests_occupy_an_instance_and_polls_share_one(engines: Engines) -> None:
    async with hosted("long_polling", CLASSIC, engines.fresh_url("redis")) as function, function.chat.joined(*FOUR):
        before, after = await while_waiting(function.host, len(FOUR), 0.5)
        apart_s = after["up_s"] - before["up_s"]
        assert after["instance_busy_s"] - before["instance_busy_s"] == pytest.approx(len(FOUR) * apart_s, rel=0.01)
    async with hosted("short_polling", CLASSIC, engines.fresh_url("redis")) as function, function.chat.joined(*FOUR):
        await function.until(lambda billed: billed["instances"]["busy"] == 0)


async def test_a_function_that_is_cut_says_no_goodbye_so_its_client_stays_online(engines: Engines) -> None:
    async with (
        hosted(
            "server_sent_events", CLASSIC, engines.fresh_url("redis"), "--lease", "30", max_duration_s=2
        ) as function,
        function.chat.joined("Ada", "Bob") as (ada, bob),
    ):
        await function.until(lambda billed: billed["cut_streams"] >= 2)
        await ada.send("still here")
        received = await events(bob, 1)
    assert [(event.kind, event.body) for event in received] == [(Kind.MESSAGE, "still here")]
