"""Messages: in order, none lost, none twice, and counted by the server, on every transport.

And random conversations against a model of a few lines: every client must have seen what the model holds.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from functools import reduce
from itertools import chain
from operator import getitem
from typing import Any
from unittest.mock import patch

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients.conversation import ChatSession
from clients.http_session import tls_context
from servers.core.wire import Event, Kind
from servers.transports import Commands
from tests.support.chat_harness import ChatHarness, deliver, events
from tests.support.guest import guest

EACH = 10
Step = tuple[int, str, int]
"""A user (0 to 2), an action, and its number: of the text, of the client_id, or of events to leave unread."""

STEPS = st.tuples(st.integers(0, 2), st.sampled_from(["send", "resend", "type", "read"]), st.integers(0, 3))
ROUNDS = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=4)
LAST = "last message"
CLIENT_IDS = ("1", "read-1", "online", "receipt")
"""Among them what a store might take for an id of its own."""


async def test_a_message_carries_its_sender_and_the_acknowledged_place(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        ack = await ada.send("hello")
        (event,) = await events(bob, 1, Kind.MESSAGE)
    assert (event.seq, event.at_ms, event.room) == (ack.seq, ack.at_ms, harness.room)
    assert (event.sender, event.name, event.body) == (ada.account.user, ada.account.name, "hello")


async def test_a_client_that_reads_later_is_acknowledged_and_misses_nothing(harness: ChatHarness) -> None:
    with patch("clients.conversation.UNREAD_MAX", 4):
        async with harness.joined("Ada") as (ada,):
            seqs = [(await ada.send(str(n))).seq for n in range(EACH)]
            assert [event.seq for event in await events(ada, EACH, Kind.MESSAGE)] == seqs


async def test_a_retried_send_is_delivered_once(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        first, again = [await ada.send("once", client_id="same") for _ in range(2)]
        await ada.send("last")
        assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["once", "last"]
    assert (first.seq, first.at_ms) == (again.seq, again.at_ms)


async def test_any_text_up_to_4096_bytes_arrives_unchanged(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        for text in ("ü" * 2048, "\x01" * 4096, "<b>&amp;</b>\u2028\n\t\0", "👩‍👩‍👧"):
            await deliver(text, ada, bob)


async def test_history_pages_backwards_through_messages_only(harness: ChatHarness) -> None:
    pages, before = [], 1_000_000
    async with harness.joined("Ada") as (ada,):
        for n in range(7):
            await ada.send(str(n))
            await ada.typing()
        with guest(harness.address, harness.room) as reader:
            for _ in range(3):
                page = reader.http.get(f"/rooms/{reader.room}/history", params={"before": before, "limit": 3}).json()
                pages.append([event["body"] for event in page])
                before = page[0]["seq"]
    assert pages == [["4", "5", "6"], ["1", "2", "3"], ["0"]]


async def test_a_newcomer_is_shown_the_latest_messages_and_then_only_new_events(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        await ada.send("before")
        async with harness.joined("Bob") as (bob,):
            assert [event.body for event in bob.snapshot.messages] == ["before"]
            await deliver("after", ada, bob)


async def test_rooms_do_not_receive_each_others_events(harness: ChatHarness) -> None:
    elsewhere = ChatHarness(harness.transport, harness.address)
    async with harness.joined("Ada") as (ada,), elsewhere.joined("Bob") as (bob,):
        await bob.send("elsewhere")
        await deliver("here", ada, ada)


async def test_a_server_counts_what_it_did(harness: ChatHarness) -> None:
    async with httpx.AsyncClient(base_url=harness.address, trust_env=False, verify=tls_context()) as http:
        before = (await http.get("/stats")).json()
        async with harness.joined("Ada", "Bob") as (ada, bob):
            for n in range(EACH):
                await deliver(str(n), ada, ada, bob)
            stats = (await http.get("/stats")).json()

    def growth(*path: str) -> int:
        """Return by how much a counter has grown."""
        return int(reduce(getitem, path, stats)) - int(reduce(getitem, path, before))

    is_by_frames = harness.transport.commands is Commands.FRAMES
    assert (growth("command_frames") if is_by_frames else growth("requests", "send")) == EACH
    if "events_delivered" in stats:  # a serverless host does not see events
        counter, least = ("published", EACH) if harness.transport.needs_push_service else ("events_delivered", 2 * EACH)
        assert growth(counter) >= least
        assert growth("publish_failures") == 0
    assert stats["wire"]["connections_open"] >= 2
    assert growth("wire", "websocket" if is_by_frames else "http", "received") > 0


def messages_of(steps: list[Step]) -> Counter[tuple[int, str]]:
    """Return the messages that the room's log must hold: what is sent again under its client_id counts once."""
    sent = Counter((who, f"text {number}") for who, what, number in steps if what == "send")
    return sent + Counter({(who, f"again {number}") for who, what, number in steps if what == "resend"})


def act(client: ChatSession, what: str, number: int) -> Coroutine[Any, Any, Any]:
    match what:
        case "send":
            return client.send(f"text {number}")
        case "resend":
            return client.send(f"again {number}", client_id=CLIENT_IDS[number])
        case "type":
            return client.typing()
        case _:
            return client.mark_read(max(1, client.inbox.cursor.seq - number))


async def log_until_last(client: ChatSession) -> list[Event]:
    log: list[Event] = []
    while not log or log[-1].body != LAST:
        log += await events(client, 1)
    return log


def check(steps: list[Step], clients: list[ChatSession], logs: list[list[Event]]) -> None:
    """Assert that the last to join saw a suffix of what the others saw, and that it equals the model."""
    shortest = logs[-1]
    assert all(log[-len(shortest) :] == shortest for log in logs)
    assert [event.seq for event in shortest] == list(range(shortest[0].seq, shortest[-1].seq + 1))
    users = {client.account.user: who for who, client in enumerate(clients)}
    messages = [event for event in shortest if event.kind is Kind.MESSAGE and event.body != LAST]
    assert Counter((users[event.sender], event.body) for event in messages) == messages_of(steps)
    typing = Counter(users[event.sender] for event in shortest if event.kind is Kind.TYPING)
    assert typing == Counter(who for who, what, _ in steps if what == "type")
    read: dict[str, int] = {}
    for event in shortest:
        if event.kind is Kind.RECEIPT:
            assert int(event.body) > read.get(event.sender, 0), "receipts only ever grow"
            read[event.sender] = int(event.body)
    assert all(client.view.receipts == read for client in clients)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=ROUNDS)
@example([[(0, "resend", 0), (1, "resend", 0)]])  # two users with the same client_id
@example([[(1, "read", 0)], [(1, "read", 3)]])  # backwards
@example([[(who, "send", number) for number in range(EACH) for who in range(3)]])  # all at once
async def test_all_clients_have_the_same_log(harness: ChatHarness, rounds: list[list[Step]]) -> None:
    async with ChatHarness(harness.transport, harness.address).joined("Ada", "Bob", "Cyd") as clients:
        results = [await asyncio.gather(*(act(clients[who], what, n) for who, what, n in steps)) for steps in rounds]
        await clients[0].send(LAST)
        logs = [await log_until_last(client) for client in clients]
    steps = list(chain.from_iterable(rounds))
    check(steps, clients, logs)
    acks = [ack for (_, what, _), ack in zip(steps, chain.from_iterable(results), strict=True) if "send" in what]
    *shown, _ = [event.seq for event in logs[-1] if event.kind is Kind.MESSAGE]  # without LAST
    assert {ack.seq for ack in acks} == set(shown)
