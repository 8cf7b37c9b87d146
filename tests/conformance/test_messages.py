"""Messages: in order, none lost, none twice, and counted by the server, on every transport."""

import asyncio
from functools import reduce
from operator import getitem

import httpx

from clients.http_session import tls_context
from servers.core.wire import Kind
from servers.transports import Commands
from tests.support.chat_harness import ChatHarness, deliver, events

EACH = 10


async def test_everyone_gets_every_message_once_and_in_the_same_order(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob", "Cyd") as clients:
        sends = [client.send(f"{client.account.name} {n}") for n in range(EACH) for client in clients]
        acks = await asyncio.gather(*sends)
        logs = [await events(client, len(sends), Kind.MESSAGE) for client in clients]
    assert logs[0] == logs[1] == logs[2]
    seqs = [event.seq for event in logs[0]]
    assert seqs == sorted(ack.seq for ack in acks)
    assert len({event.body for event in logs[0]}) == len(sends)


async def test_a_message_carries_its_sender_and_the_acknowledged_place(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        ack = await ada.send("hello")
        (event,) = await events(bob, 1, Kind.MESSAGE)
    assert (event.seq, event.at_ms, event.room) == (ack.seq, ack.at_ms, harness.room)
    assert (event.sender, event.name, event.body) == (ada.account.user, ada.account.name, "hello")


async def test_a_retried_send_is_delivered_once(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        first, again = await ada.send("once", client_id="same"), await ada.send("once", client_id="same")
        await ada.send("last")
        assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["once", "last"]
    assert (first.seq, first.at_ms) == (again.seq, again.at_ms)


async def test_any_text_up_to_4096_bytes_arrives_unchanged(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        for text in ("ü" * 2048, "\x01" * 4096, "<b>&amp;</b>\u2028\n\t\0", "👩‍👩‍👧"):
            await deliver(text, ada, bob)


async def test_history_pages_backwards_through_messages_only(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        for n in range(7):
            await ada.send(str(n))
            await ada.typing()
        newest = await ada.history(before=1_000_000, limit=3)
        older = await ada.history(before=newest[0].seq, limit=3)
        oldest = await ada.history(before=older[0].seq, limit=3)
    pages = (newest, older, oldest)
    assert [[event.body for event in page] for page in pages] == [["4", "5", "6"], ["1", "2", "3"], ["0"]]


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

    def more(*path: str) -> int:
        return int(reduce(getitem, path, stats)) - int(reduce(getitem, path, before))

    is_by_frames = harness.transport.commands is Commands.FRAMES
    assert (more("command_frames") if is_by_frames else more("requests", "send")) == EACH
    if "events_delivered" in stats:  # a serverless host does not see events
        published = more("published")
        assert published >= (EACH if harness.transport.needs_push_service else 0)
        assert more("events_delivered") + 2 * published >= 2 * EACH
        assert more("publish_failures") == 0
    assert stats["wire"]["connections_open"] >= 2
    assert more("wire", "http", "received") > 0
