"""Who is typing, and who has read how far, on every transport."""

import time

from servers.core.wire import Kind
from tests.support.chat_harness import TYPING_S, ChatHarness, events


async def test_a_typing_notice_arrives_with_the_moment_it_ends(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        before_s = time.monotonic()
        await ada.typing()
        (notice,) = await events(bob, 1, Kind.TYPING)
        assert notice.body == "started"
        assert notice.expires_at_ms == notice.at_ms + TYPING_S * 1000
        assert bob.view.typing(before_s) == [ada.account.name]
        assert bob.view.typing(time.monotonic() + TYPING_S) == []


async def test_typing_ends_when_stopped_or_when_the_message_comes(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        before_s = time.monotonic()
        await ada.typing()
        await ada.typing(active=False)
        await events(bob, 2, Kind.TYPING)
        assert bob.view.typing(before_s) == []
        await ada.typing()
        await ada.send("done")
        await events(bob, 1, Kind.MESSAGE)
        assert bob.view.typing(before_s) == []


async def test_receipts_tell_everyone_and_newcomers_who_has_read_how_far(harness: ChatHarness) -> None:
    async with harness.joined("Ada", "Bob") as (ada, bob):
        ack = await ada.send("read me")
        await bob.mark_read(ack.seq)
        (receipt,) = await events(ada, 1, Kind.RECEIPT)
        assert (receipt.sender, receipt.body) == (bob.account.user, str(ack.seq))
        assert ada.view.readers(ack.seq) == [bob.account.name]
        async with harness.joined("Cyd") as (cyd,):
            assert cyd.snapshot.receipts == {bob.account.user: ack.seq}
