"""The demo's controller: what it refuses, and what happens to windows, lanes and crowds when commands meet."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from unittest.mock import AsyncMock, Mock

import pytest

from servers.core.errors import BadRequest
from servers.demo.controller import KEPT_S, DemoController
from servers.demo.lane import Lane
from servers.demo.window import OPENING_S
from servers.deploy import engines
from servers.transports import TRANSPORTS

CLASSIC = "classic-hobby"
SLUGS = [row.slug for row in TRANSPORTS]
ON = [row.slug for row in TRANSPORTS if not row.is_addition]


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DemoController:
    """Return a controller whose lanes start no process."""
    for name in ("start", "stop", "move", "restart", "set_crowd"):
        monkeypatch.setattr(Lane, name, AsyncMock())
    return DemoController(tmp_path, tmp_path)


async def test_a_host_that_needs_redis_is_refused_with_what_this_machine_lacks(
    demo: DemoController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "program", lambda name: None if name == "setpriv" else name)
    with pytest.raises(BadRequest, match=r"lacks setpriv .Debian's package util-linux"):
        await demo.set_host(CLASSIC)


async def test_a_redis_that_does_not_start_is_awaited_by_a_thread_and_refuses_the_host(
    demo: DemoController, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    @contextmanager
    def redis_server(_: Path) -> Iterator[NoReturn]:
        threads.append(threading.current_thread())
        raise engines.NotStarted("redis-server: did not start")
        yield

    monkeypatch.setattr("servers.demo.controller.missing", lambda _: {})
    monkeypatch.setattr("servers.demo.controller.redis_server", redis_server)
    with pytest.raises(BadRequest, match="Redis did not start"):
        await demo.set_host(CLASSIC)
    assert threading.main_thread() not in threads
    assert threads


async def test_a_moved_lane_gets_its_crowd_again_and_one_that_is_off_gets_none(
    demo: DemoController, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []
    for name in ("move", "keep_crowd"):

        async def note(lane: Lane, *_: object, name: str = name) -> None:
            calls.append((name, lane.transport.slug))

        monkeypatch.setattr(Lane, name, note)
    monkeypatch.setattr(demo, "_stores", dict.fromkeys(SLUGS, ""))
    await demo.set_crowd(5)
    calls.clear()
    await demo.set_host(CLASSIC)
    assert calls == [("move", slug) for slug in SLUGS] + [("keep_crowd", slug) for slug in ON]


async def test_only_a_crowd_that_has_ended_is_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lane = Lane(TRANSPORTS[0], tmp_path, tmp_path, "secret")
    start = AsyncMock()
    monkeypatch.setattr(lane, "set_crowd", start)
    for status, started in [(None, 0), (1, 1)]:
        crowd = Mock()
        crowd.process.poll.return_value = status
        monkeypatch.setattr(lane, "_crowd", crowd)
        await lane.keep_crowd(5)
        assert start.await_count == started


async def test_a_window_that_a_page_returns_to_stays_open_until_the_page_reads_its_counters(
    demo: DemoController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_on", set())  # a window without relays
    opened = await demo.open_window("")
    window = demo._windows[opened.window]
    window.left_s -= OPENING_S + KEPT_S  # as if it had been left so long ago that it is closed next
    assert await demo.open_window(opened.window) == opened
    assert window.left_s > asyncio.get_running_loop().time()
