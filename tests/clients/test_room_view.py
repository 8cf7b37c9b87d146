"""The room view: members, typing and receipts are a fold over the log."""

import pytest

from clients.room_view import RoomView
from servers.core.wire import Event, Kind, Member, Snapshot

ADA, BOB, CYD = "u-ada", "u-bob", "u-cyd"
NAMES = {ADA: "Ada", BOB: "Bob", CYD: "cyd"}


def event(kind: Kind, sender: str, body: str, at_ms: int = 1000, expires_at_ms: int | None = None) -> Event:
    return Event("lobby", 1, kind, sender, NAMES[sender], body, at_ms, expires_at_ms=expires_at_ms)


def typing(sender: str, until_ms: int) -> Event:
    return event(Kind.TYPING, sender, "started", until_ms - 500, until_ms)


@pytest.fixture
def view() -> RoomView:
    members = (Member(BOB, "Bob", True, 900), Member(ADA, "Ada", True, 900))
    return RoomView(Snapshot("e1", 7, 30.0, members, {ADA: 5}, ()))


def test_members_online_come_first_and_then_names_in_order(view: RoomView) -> None:
    assert [(member.name, member.online) for member in view.members()] == [("Ada", True), ("Bob", True)]
    view.apply([event(Kind.PRESENCE, CYD, "online"), event(Kind.PRESENCE, ADA, "offline", at_ms=4000)])
    assert [(member.name, member.online) for member in view.members()] == [("Bob", True), ("cyd", True), ("Ada", False)]
    assert view.members()[-1] == Member(ADA, "Ada", False, 4000)


def test_a_message_moves_the_time_when_its_sender_was_last_seen_only_forward(view: RoomView) -> None:
    view.apply([event(Kind.MESSAGE, ADA, "hi", at_ms=2000), event(Kind.MESSAGE, BOB, "hi", at_ms=100)])
    assert [member.last_seen_ms for member in view.members()] == [2000, 900]


@pytest.mark.parametrize(
    ("events", "now_ms", "names"),
    [
        ([], 1999, ["Ada"]),
        ([], 2000, []),
        ([typing(ADA, until_ms=3000)], 2500, ["Ada"]),
        ([event(Kind.TYPING, ADA, "stopped", 1000, 1000)], 1000, []),
        ([event(Kind.PRESENCE, ADA, "offline")], 1000, []),
        ([typing(BOB, until_ms=9000), event(Kind.MESSAGE, ADA, "hi")], 1000, ["Bob"]),
    ],
    ids=["not expired", "expired", "renewed", "stopped", "left", "sent"],
)
def test_a_user_types_until_the_notice_expires_or_another_event_ends_it(
    view: RoomView, events: list[Event], now_ms: int, names: list[str]
) -> None:
    view.apply([typing(ADA, until_ms=2000), *events])
    assert view.typing(now_ms) == names


def test_a_receipt_never_goes_back(view: RoomView) -> None:
    assert view.receipts == {ADA: 5}
    view.apply([event(Kind.RECEIPT, ADA, "7"), event(Kind.RECEIPT, ADA, "3")])
    assert view.receipts == {ADA: 7}


def test_readers_are_the_known_members_whose_receipt_reaches_the_message(view: RoomView) -> None:
    view.apply([event(Kind.RECEIPT, BOB, "6"), event(Kind.RECEIPT, CYD, "7")])
    assert (view.readers(5), view.readers(6), view.readers(7)) == (["Ada", "Bob"], ["Bob"], [])
