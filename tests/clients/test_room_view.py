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


def named(view: RoomView) -> list[tuple[str, bool]]:
    return [(member.name, member.online) for member in view.members()]


def test_the_view_starts_as_the_snapshot(view: RoomView) -> None:
    assert named(view) == [("Ada", True), ("Bob", True)]
    assert view.receipts == {ADA: 5}


def test_members_online_come_first_and_then_names_in_order(view: RoomView) -> None:
    view.apply([event(Kind.PRESENCE, CYD, "online"), event(Kind.PRESENCE, ADA, "offline")])
    assert named(view) == [("Bob", True), ("cyd", True), ("Ada", False)]


def test_whoever_goes_offline_was_last_seen_then(view: RoomView) -> None:
    view.apply([event(Kind.PRESENCE, ADA, "offline", at_ms=4000)])
    assert view.members()[-1] == Member(ADA, "Ada", False, 4000)


def test_a_message_is_a_sign_of_life_and_never_turns_it_back(view: RoomView) -> None:
    view.apply([event(Kind.MESSAGE, ADA, "hi", at_ms=2000), event(Kind.MESSAGE, BOB, "hi", at_ms=100)])
    assert [member.last_seen_ms for member in view.members()] == [2000, 900]


def test_a_typing_notice_is_true_until_it_expires(view: RoomView) -> None:
    view.apply([typing(ADA, until_ms=2000)])
    assert (view.typing(1999), view.typing(2000)) == (["Ada"], [])


def test_a_renewed_notice_is_true_for_longer(view: RoomView) -> None:
    view.apply([typing(ADA, until_ms=2000), typing(ADA, until_ms=3000)])
    assert view.typing(2500) == ["Ada"]


def test_stopping_ends_typing_at_once(view: RoomView) -> None:
    view.apply([typing(ADA, until_ms=9000), event(Kind.TYPING, ADA, "stopped", 1000, 1000)])
    assert view.typing(1000) == []


def test_a_user_who_leaves_stops_typing(view: RoomView) -> None:
    view.apply([typing(ADA, until_ms=9000), event(Kind.PRESENCE, ADA, "offline")])
    assert view.typing(1000) == []


def test_a_message_ends_its_senders_typing_only(view: RoomView) -> None:
    view.apply([typing(ADA, until_ms=9000), typing(BOB, until_ms=9000), event(Kind.MESSAGE, ADA, "hi")])
    assert view.typing(1000) == ["Bob"]


def test_a_receipt_never_goes_back(view: RoomView) -> None:
    view.apply([event(Kind.RECEIPT, ADA, "7"), event(Kind.RECEIPT, ADA, "3")])
    assert view.receipts == {ADA: 7}


def test_readers_are_those_whose_receipt_reaches_the_message(view: RoomView) -> None:
    view.apply([event(Kind.RECEIPT, BOB, "6")])
    assert (view.readers(5), view.readers(6), view.readers(7)) == (["Ada", "Bob"], ["Bob"], [])


def test_a_reader_whom_nobody_has_seen_join_is_not_named(view: RoomView) -> None:
    view.apply([event(Kind.RECEIPT, CYD, "7")])
    assert view.readers(7) == []
