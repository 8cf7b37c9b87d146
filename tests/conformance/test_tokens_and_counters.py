"""A token's end, and what the server says that it did, on every transport."""

from typing import Any

import httpx
import pytest

from clients.errors import Refused
from servers.core.wire import Kind
from servers.transports import Commands, Transport
from tests.conformance.conftest import Serve
from tests.conformance.stage import Stage, events

pytestmark = pytest.mark.anyio
MESSAGES = 5


def is_edge(stats: dict[str, Any]) -> bool:
    """Tell whether a serverless host has counted, which cannot know what its functions said to whom."""
    return "events_delivered" not in stats


async def test_a_conversation_ends_when_its_token_does(transport: Transport, serve: Serve) -> None:
    with serve("--token", "1") as running, pytest.raises(Refused) as refusal:
        async with Stage(transport, running.address).joined("Ada") as (ada,):
            await events(ada, 1_000)
    assert refusal.value.code == "unauthenticated"


async def test_a_server_counts_what_it_did(transport: Transport, serve: Serve) -> None:
    with serve() as running:
        stage = Stage(transport, running.address)
        async with stage.joined("Ada", "Bob") as (ada, bob):
            for n in range(MESSAGES):
                await ada.send(str(n))
            for client in (ada, bob):
                await events(client, MESSAGES, Kind.MESSAGE)
            async with httpx.AsyncClient(base_url=running.address, trust_env=False) as http:
                stats = (await http.get("/stats")).json()
    commands = stats["command_frames"] if transport.commands is Commands.FRAMES else stats["requests"]["send"]
    assert commands == MESSAGES
    if not is_edge(stats):
        assert stats["published"] >= (MESSAGES if transport.needs_push_service else 0)
        assert stats["events_delivered"] + 2 * stats["published"] >= 2 * MESSAGES
        assert stats["publish_failures"] == 0
    assert stats["wire"]["connections_open"] >= 2
    assert stats["wire"]["http"]["received"] > 0
