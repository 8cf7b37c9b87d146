"""Who is online, and since when others are not; who is typing, and who has read how far: on every transport."""

import asyncio
import secrets
import time
from unittest.mock import patch

import httpx

from clients.http_session import tls_context
from servers.core.wire import Kind
from tests.support.chat_harness import LEASE_S, TYPING_S, ChatHarness, deliver, events, online


async def test_a_user_who_leaves_is_offline_at_once_for_members_and_newcomers(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        async with harness.joined("Bob") as (bob,):
            await events(ada, 1, Kind.PRESENCE)
        (gone,) = await events(ada, 1, Kind.PRESENCE)
        async with harness.joined("Cyd") as (cyd,):
            shown = {member.name: member.online for member in cyd.view.members()}
    assert shown == {ada.account.name: True, bob.account.name: False, cyd.account.name: True}
    assert (gone.body, gone.sender) == ("offline", bob.account.user)
    (member,) = [member for member in ada.view.members() if member.user == bob.account.user]
    assert (member.online, member.last_seen_ms) == (False, gone.at_ms)


async def test_a_name_is_free_after_leaving_and_belongs_to_a_new_user_then(harness: ChatHarness) -> None:
    name = f"Ada-{secrets.token_hex(3)}"
    users = set()
    for visit in range(1, 4):
        async with await harness.log_in_as(name) as ada:
            assert online(ada) == {name}
            users.add(ada.account.user)
            assert len(users) == visit, "a name alone does not make anybody the earlier user"


@patch("clients.conversation.UNREAD_MAX", 4)
async def test_a_user_who_reads_nothing_stays_online_far_beyond_one_lease(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        joined_ms = (await events(ada, 1, Kind.PRESENCE))[0].at_ms
        latest_ms = joined_ms
        while latest_ms < joined_ms + 2 * LEASE_S * 1000:
            await ada.typing()
            (event,) = await events(bob, 1, Kind.TYPING, Kind.PRESENCE)
            assert event.kind is Kind.TYPING
            latest_ms = event.at_ms
            await asyncio.sleep(LEASE_S / 15)  # many notices in each lease, without keeping the machine busy


async def test_two_windows_of_one_user_count_as_one(harness: ChatHarness) -> None:
    async with harness.joined("Ada") as (ada,):
        async with harness.joined("Bob") as (bob,):
            second = await harness.log_in_as(bob.account.name, bob.account.token)
            assert second.account.user == bob.account.user
            async with second:
                await deliver("two windows", ada, second)
            await ada.send("one window")
        received = [(event.kind, event.body) for event in await events(ada, 4)]
    assert received == [
        (Kind.PRESENCE, "online"),
        (Kind.MESSAGE, "two windows"),
        (Kind.MESSAGE, "one window"),
        (Kind.PRESENCE, "offline"),
    ]


async def test_a_client_whose_connection_was_made_to_leave_joins_again(harness: ChatHarness) -> None:
    async with harness.joined("Bob", "Ada") as (bob, ada):
        await events(bob, 1, Kind.PRESENCE)
        token = {"Authorization": f"Bearer {ada.account.token}"}
        async with httpx.AsyncClient(base_url=harness.address, trust_env=False, verify=tls_context()) as elsewhere:
            left = {"connection": ada._http.connection}
            assert (await elsewhere.post(f"/rooms/{harness.room}/leave", json=left, headers=token)).is_success
        assert [event.body for event in await events(bob, 2, Kind.PRESENCE)] == ["offline", "online"]
        await deliver("back", ada, bob)


async def test_a_typing_notice_ends_when_it_expires_is_stopped_or_its_message_comes(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        before_s = time.monotonic()
        await ada.typing()
        (notice,) = await events(bob, 1, Kind.TYPING)
        assert notice.body == "started"
        assert notice.expires_at_ms == notice.at_ms + TYPING_S * 1000
        assert bob.view.typing(before_s) == [ada.account.name]
        assert bob.view.typing(time.monotonic() + TYPING_S) == []
        await ada.typing(active=False)
        assert [event.body for event in await events(bob, 1, Kind.TYPING)] == ["stopped"]
        assert bob.view.typing(before_s) == []
        await ada.typing()
        await deliver("done", ada, bob)
        assert bob.view.typing(before_s) == []


async def test_receipts_show_members_and_newcomers_how_far_each_user_has_read(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        ack = await ada.send("read me")
        await bob.mark_read(ack.seq)
        (receipt,) = await events(ada, 1, Kind.RECEIPT)
        assert (receipt.sender, receipt.body) == (bob.account.user, str(ack.seq))
        assert ada.view.readers(ack.seq) == [bob.account.name]
        async with harness.joined("Cyd") as (cyd,):
            assert cyd.snapshot.receipts == {bob.account.user: ack.seq}
