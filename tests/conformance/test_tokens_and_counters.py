"""A token's end, and what the server says that it did, on every transport."""

from functools import reduce
from operator import getitem
from typing import Any

import httpx
import pytest

from clients.errors import Refused
from clients.http_session import tls_context
from servers.core.wire import Kind
from servers.transports import Commands, Transport
from tests.conformance.conftest import Serve
from tests.support.chat_harness import ChatHarness, events

MESSAGES = 5


def is_edge(stats: dict[str, Any]) -> bool:
    """Return whether a serverless host has counted, which does not see events."""
    return "events_delivered" not in stats


async def test_a_conversation_ends_when_its_token_does(transport: Transport, serve: Serve) -> None:
    with serve("--token", "1") as running, pytest.raises(Refused, match="unauthenticated"):
        async with ChatHarness(transport, running.address).joined("Ada") as (ada,):
            await events(ada, 1_000)


async def test_a_server_counts_what_it_did(harness: ChatHarness) -> None:
    async with httpx.AsyncClient(base_url=harness.address, trust_env=False, verify=tls_context()) as http:
        before = (await http.get("/stats")).json()
        async with harness.joined("Ada", "Bob") as (ada, bob):
            for n in range(MESSAGES):
                await ada.send(str(n))
            for client in (ada, bob):
                await events(client, MESSAGES, Kind.MESSAGE)
            stats = (await http.get("/stats")).json()

    def more(*path: str) -> int:
        return int(reduce(getitem, path, stats)) - int(reduce(getitem, path, before))

    is_by_frames = harness.transport.commands is Commands.FRAMES
    assert (more("command_frames") if is_by_frames else more("requests", "send")) == MESSAGES
    if not is_edge(stats):
        published = more("published")
        assert published >= (MESSAGES if harness.transport.needs_push_service else 0)
        assert more("events_delivered") + 2 * published >= 2 * MESSAGES
        assert more("publish_failures") == 0
    assert stats["wire"]["connections_open"] >= 2
    assert more("wire", "http", "received") > 0
