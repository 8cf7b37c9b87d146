"""What a host meters adds up: areas under numbers, and messages among bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from servers.deploy.serverless.edge_counters import FrameCount
from servers.deploy.serverless.meter import TimeIntegral
from tests.support.clock import FakeClock


def test_an_area_is_what_goes_on_times_how_long_with_what_still_goes_on() -> None:
    clock = FakeClock()
    integral = TimeIntegral(clock.monotonic_s)
    for change, lasts_s in ((1, 2), (1, 3), (-2, 100), (1, 1)):
        integral.change(change)
        clock.advance(lasts_s)
    assert integral.seconds == 2 + 3 * 2 + 1


@given(st.lists(st.integers(0, 70_000), max_size=5), st.integers(1, 1000))
def test_messages_are_counted_however_the_bytes_are_cut(sizes: list[int], cut: int) -> None:
    frames = [Frame(Opcode.TEXT, b"x" * size).serialize(mask=True) for size in sizes]
    between = Frame(Opcode.PING, b"").serialize(mask=True)
    sent = between.join(frames)
    count = FrameCount()
    for start in range(0, len(sent), cut * 10):
        count.feed(sent[start : start + cut * 10])
    assert count.messages == len(sizes)


@pytest.mark.parametrize("nonsense", [b"\xff" * 20, Frame(Opcode.TEXT, b"unmasked").serialize(mask=False)])
def test_what_is_no_frame_ends_the_counting_and_nothing_else(nonsense: bytes) -> None:
    count = FrameCount()
    count.feed(Frame(Opcode.TEXT, b"one").serialize(mask=True) + nonsense)
    count.feed(Frame(Opcode.TEXT, b"two").serialize(mask=True))
    assert count.messages == 1
