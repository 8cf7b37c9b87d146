"""The room view: members, typing and receipts are a fold over the log."""

import pytest
from msgspec.structs import replace

from clients.room_view import MEMBERS_MAX, RoomView
from servers.core.wire import Event, Kind, Member, Snapshot

ADA, BOB, CYD = "u-ada", "u-bob", "u-cyd"
NAMES = {ADA: "Ada", BOB: "Bob", CYD: "cyd"}


def event(kind: Kind, sender: str, body: str, at_ms: int = 1000, expires_at_ms: int | None = None) -> Event:
    return Event("lobby", 1, kind, sender, NAMES[sender], body, at_ms, expires_at_ms=expires_at_ms)


@pytest.fixture
def view() -> RoomView:
    members = (Member(BOB, "Bob", True, 900), Member(ADA, "Ada", True, 900))
    return RoomView(Snapshot("e1", 7, 30.0, members, {ADA: 5}, ()))


def test_members_online_come_first_and_then_names_in_order(view: RoomView) -> None:
    assert [(member.name, member.online) for member in view.members()] == [("Ada", True), ("Bob", True)]
    view.apply([event(Kind.PRESENCE, CYD, "online"), event(Kind.PRESENCE, ADA, "offline", at_ms=4000)], now_s=0.0)
    assert [(member.name, member.online) for member in view.members()] == [("Bob", True), ("cyd", True), ("Ada", False)]
    assert view.members()[-1] == Member(ADA, "Ada", False, 4000)


def test_of_too_many_members_those_who_have_been_offline_for_longest_are_forgotten(view: RoomView) -> None:
    for n in range(2 * MEMBERS_MAX):
        comes, reads, goes = (Kind.PRESENCE, "online"), (Kind.RECEIPT, "9"), (Kind.PRESENCE, "offline")
        view.apply([replace(event(kind, ADA, body), sender=str(n)) for kind, body in (comes, reads, goes)], now_s=0.0)
    known = {ADA, BOB, *map(str, range(MEMBERS_MAX + 2, 2 * MEMBERS_MAX))}
    assert ({member.user for member in view.members()}, len(view.receipts)) == (known, MEMBERS_MAX - 1)


def test_a_message_moves_the_time_when_its_sender_was_last_seen_only_forward(view: RoomView) -> None:
    view.apply([event(Kind.MESSAGE, ADA, "hi", at_ms=2000), event(Kind.MESSAGE, BOB, "hi", at_ms=100)], now_s=0.0)
    assert [member.last_seen_ms for member in view.members()] == [2000, 900]


@pytest.mark.parametrize("server_ms", [1_000_000_000, 1_003_600_000, 996_400_000])
@pytest.mark.parametrize("reader_s", [0.0, 1e6, 1e9])
@pytest.mark.parametrize(
    ("then", "after_s", "names"),
    [
        ([], 0.49, ["Ada"]),
        ([], 0.5, []),
        ([(Kind.TYPING, ADA, "stopped")], 0.0, []),
        ([(Kind.PRESENCE, ADA, "offline")], 0.0, []),
        ([(Kind.TYPING, BOB, "started"), (Kind.MESSAGE, ADA, "hi")], 0.0, ["Bob"]),
    ],
    ids=["not expired", "expired", "stopped", "left", "sent"],
)
def test_a_notice_counts_from_its_arrival_whatever_the_clocks_say_or_until_another_event_ends_it(
    view: RoomView, then: list[tuple[Kind, str, str]], after_s: float, names: list[str], server_ms: int, reader_s: float
) -> None:
    all_events = [event(*given, server_ms, server_ms + 500) for given in [(Kind.TYPING, ADA, "started"), *then]]
    view.apply(all_events, now_s=reader_s)
    assert view.typing(reader_s + after_s) == names


def test_a_renewed_notice_counts_from_the_later_arrival(view: RoomView) -> None:
    for now_s in (0.0, 0.4):
        view.apply([event(Kind.TYPING, ADA, "started", 1000, 1500)], now_s)
    assert (view.typing(0.8), view.typing(0.9)) == (["Ada"], [])


def test_a_receipt_never_goes_back(view: RoomView) -> None:
    assert view.receipts == {ADA: 5}
    view.apply([event(Kind.RECEIPT, ADA, "7"), event(Kind.RECEIPT, ADA, "3")], now_s=0.0)
    assert view.receipts == {ADA: 7}


def test_readers_are_the_known_members_whose_receipt_reaches_the_message(view: RoomView) -> None:
    view.apply([event(Kind.RECEIPT, BOB, "6"), event(Kind.RECEIPT, CYD, "7")], now_s=0.0)
    assert (view.readers(5), view.readers(6), view.readers(7)) == (["Ada", "Bob"], ["Bob"], [])
