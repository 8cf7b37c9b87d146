"""Random conversations against a model of a few lines: every client must have seen what the model holds."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients.conversation import ChatSession
from servers.core.wire import Event, Kind
from servers.transports import Transport
from tests.support.chat_harness import ChatHarness, events

Step = tuple[int, str, int]
"""A user (0 to 2), an action, and its number: of the text, of the client_id, or of events to leave unread."""

STEPS = st.tuples(st.integers(0, 2), st.sampled_from(["send", "resend", "type", "read"]), st.integers(0, 3))
ROUNDS = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=4)
LAST = "last message"
CLIENT_IDS = ("1", "read-1", "online", "receipt")
"""Among them what a store might take for an id of its own."""


def messages_of(steps: list[Step]) -> Counter[tuple[int, str]]:
    """Return the messages that the room's log must hold: what is sent again under its client_id counts once."""
    sent = Counter((who, f"text {number}") for who, what, number in steps if what == "send")
    return sent + Counter({(who, f"again {number}") for who, what, number in steps if what == "resend"})


def act(client: ChatSession, what: str, number: int) -> Coroutine[Any, Any, object]:
    match what:
        case "send":
            return client.send(f"text {number}")
        case "resend":
            return client.send(f"again {number}", client_id=CLIENT_IDS[number])
        case "type":
            return client.typing()
        case _:
            return client.mark_read(max(1, client.inbox.cursor.seq - number))


async def converse(harness: ChatHarness, rounds: list[list[Step]]) -> None:
    async with harness.joined("Ada", "Bob", "Cyd") as clients:
        for steps in rounds:
            await asyncio.gather(*(act(clients[who], what, n) for who, what, n in steps))
        await clients[0].send(LAST)
        logs = [await log_until_last(client) for client in clients]
    check([step for steps in rounds for step in steps], clients, logs)


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
def test_all_clients_have_the_same_log(transport: Transport, harness: ChatHarness, rounds: list[list[Step]]) -> None:
    asyncio.run(converse(ChatHarness(transport, harness.address), rounds))
