"""What the demo can do: open windows on its lanes, move them far away or cut them off, restart servers, fill rooms.

Teaches what a presenter needs to make a point: one thing changed at a time, and counters that start at zero.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from servers.core.errors import BadRequest, NotFound, TooMany
from servers.demo.counts import request_bytes
from servers.demo.lane import Lane
from servers.demo.messages import AbsentLane, LaneAddresses, LaneInfo, LaneState, OpenedWindow, Snapshot
from servers.demo.window import Window
from servers.deploy.child_process import ChildFailed
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import NotStarted, missing, redis_server
from servers.deploy.serverless import profiles
from servers.transports import TRANSPORTS, Transport

log = logging.getLogger(__name__)
SNAPSHOT_S = 0.4
KEPT_S = 8.0  # how long a window without a page keeps its connections: a page that is reloaded finds them again
NAMES = ("Ada", "Bob", "Cyd", "Dee")
DELAY_MS_MAX = 2000
PEOPLE_MAX = 5
LIMIT_MAX_S = 20.0
"""Today's hosts end a call after five minutes, which is too long to wait in a presentation: here it is shortened."""
HOSTS = {
    profile.name: replace(profile, max_duration_s=min(profile.max_duration_s, LIMIT_MAX_S))
    for profile in map(profiles.find, ("classic-hobby", "fluid-2026"))
}
"""The serverless hosts to which the demo can move its lanes, by the name of their profile."""


class DemoController:
    """The lanes, at most one window on them for each of NAMES, and a snapshot of all counters every SNAPSHOT_S.

    `servers.demo.commands` makes messages of the methods that a page may call. window: its key. lane: a slug.
    absent: the lanes that cannot be shown.
    """

    def __init__(self, folder: Path, web: Path, remedy: str = "") -> None:
        """Prepare a lane for each transport. folder: for their logs. web: the files of the browser's client.

        remedy: what to do so that lanes with a push service can be shown; empty if they can.
        """
        secret = secrets.token_urlsafe(32)
        rows = [row for row in TRANSPORTS if not (remedy and row.needs_push_service)]
        self.absent = [AbsentLane(**_info(row), remedy=remedy) for row in TRANSPORTS if row not in rows]
        self._lanes = {row.slug: Lane(row, folder, web, secret) for row in rows}
        self._stores: dict[str, str] = {}
        self._engines = ExitStack()
        self._profile = ""
        self._on = {row.slug for row in rows if not row.is_addition}
        self._windows: dict[str, Window] = {}
        self._names = list(NAMES)  # the one that was given to a window longest ago comes first: its lease has expired
        self._people = 0
        self._starting: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()  # held while lanes get another crowd or host
        self._has_snapshot = asyncio.Event()
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the counters until the block ends; then end every process and connection."""
        reading = asyncio.create_task(self._read_counts())
        try:
            yield
        finally:
            self.stop()
            reading.cancel()
            await asyncio.gather(reading, *self._starting, return_exceptions=True)
            await asyncio.gather(*(window.close() for window in self._windows.values()))
            await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
            self._engines.close()

    def stop(self) -> None:
        """End the streams of counters: the demo is stopping."""
        self._stopping = True
        self._has_snapshot.set()

    def start(self, page: str) -> None:
        """Start every lane that is on, all at once, for pages of this origin; `open_window` waits, and tries again."""
        for lane in self._lanes.values():
            lane.page = page
        self._starting = [asyncio.create_task(lane.start()) for lane in self._lanes_on()]

    async def open_window(self, window: str) -> OpenedWindow:
        """Open a window, or return to one that was left a moment ago, without delay or cut. Raises ChatError."""
        await asyncio.gather(*map(self._started, self._lanes_on()))
        if window not in self._windows:
            used = {other.name for other in self._windows.values()}
            free = [name for name in self._names if name not in used]
            if not free:
                raise TooMany(f"windows: {len(NAMES)} are open; close one first")
            name = free[0]
            self._names.remove(name)
            self._names.append(name)
            window = secrets.token_hex(8)
            self._windows[window] = Window(name)
        opened = self._windows[window]
        opened.renew()
        opened.set_network(delay_s=0.0, is_cut=False)
        lanes = [await _connected(opened, each) for each in self._lanes_on()]
        additions = {slug: each.label for slug, each in self._lanes.items() if each.transport.is_addition}
        return OpenedWindow(window, opened.name, lanes, self.absent, additions, request_bytes())

    async def enable_lane(self, lane: str, on: bool) -> None:
        """Switch an added lane on or off, for every window. Raises NotFound, BadRequest."""
        switched = self._lane(lane)
        if not switched.transport.is_addition:
            raise BadRequest(f"lane: {lane} is always on; only what was added can be switched")
        async with self._changing:
            if on:
                await self._started(switched)
                await switched.set_crowd(self._people)
                self._on.add(lane)
            else:
                self._on.discard(lane)
                await switched.stop()

    async def connect_lane(self, window: str, lane: str) -> LaneAddresses:
        """Return where a window reaches a lane that is on. Raises NotFound, BadRequest."""
        connected = self._lane_on(lane)
        return await _connected(self._window(window), connected)

    async def set_network(
        self, window: str, delay_ms: Annotated[float, Meta(ge=0, le=DELAY_MS_MAX)], is_cut: bool
    ) -> None:
        """Delay everything between a window and the servers, each way, or cut the window off. Raises NotFound."""
        self._window(window).set_network(delay_ms / 1000, is_cut)

    async def restart(self, lane: str) -> None:
        """Kill a lane's server, and start it again on the same log. Raises NotFound, BadRequest, ChildFailed."""
        await self._lane_on(lane).restart()

    async def set_crowd(self, people: Annotated[int, Meta(ge=0, le=PEOPLE_MAX)]) -> None:
        """Have so many scripted users in every lane; with 0, they leave."""
        async with self._changing:
            await asyncio.gather(*(lane.set_crowd(people) for lane in self._lanes_on()))
            self._people = people

    async def set_host(self, profile: str) -> None:
        """Move every lane to a serverless host, or with "" back. Raises NotFound, BadRequest, ChildFailed.

        A function keeps nothing and shares nothing, so with the first move each lane gets an empty log in Redis.
        """
        if profile and profile not in HOSTS:
            raise NotFound(f"profile: expected one of {', '.join(HOSTS)}, or none, got {profile[:80]!r}")
        async with self._changing:
            if profile == self._profile:
                return
            if not self._stores:
                self._stores = await asyncio.to_thread(self._in_redis)
            moves = (lane.move(HOSTS.get(profile), self._stores[slug]) for slug, lane in self._lanes.items())
            outcomes = await asyncio.gather(*moves, return_exceptions=True)
            self._profile = profile  # also of a lane whose server did not start: a restart starts it there
            await asyncio.gather(*(lane.keep_crowd(self._people) for lane in self._lanes_on()))
            for outcome in outcomes:
                if outcome:
                    raise outcome

    async def reset_counts(self, window: str) -> None:
        """Let a window's counters begin at zero; a host's bill and a push service's plan go on. Raises NotFound."""
        counting = self._window(window)
        await asyncio.gather(*(lane.read() for lane in self._lanes_on()))
        counting.reset_counts(self._lanes.values())

    async def snapshots(self, key: str) -> AsyncIterator[Snapshot]:
        """Yield what a window sees, again and again; it stays open meanwhile. Raises NotFound."""
        window = self._window(key)
        window.streams += 1
        try:
            while not self._stopping:
                yield self._snapshot(window)
                await self._has_snapshot.wait()
        finally:
            window.streams -= 1
            window.left_s = asyncio.get_running_loop().time()

    def _snapshot(self, window: Window) -> Snapshot:
        lanes = {
            slug: LaneState(slug in self._on, lane.is_up, window.counts(lane), lane.bill, lane.plan)
            for slug, lane in self._lanes.items()
        }
        limit_s = HOSTS[self._profile].max_duration_s if self._profile else 0.0
        return Snapshot(lanes, self._people, window.is_cut, self._profile, limit_s)

    def _in_redis(self) -> dict[str, str]:
        """Start Redis, and return the URL of an empty database for each lane. Raises BadRequest, in words for a page.

        Redis ends with the thread that calls this: one of the event loop's pool lives as long as the loop.
        """
        lacking = ", ".join(f"{name} (Debian's package {package})" for name, package in missing("redis").items())
        if lacking:
            raise BadRequest(f"functions share no memory; to run Redis for them, this machine lacks {lacking}")
        try:
            folder = self._engines.enter_context(engine_folder())
            engine = self._engines.enter_context(redis_server(folder))
        except NotStarted as error:
            log.warning("%s", error)
            raise BadRequest("Redis did not start; the demo's terminal says why") from None
        return {slug: engine.fresh_url() for slug in self._lanes}

    async def _read_counts(self) -> None:
        """Read the counters, and close the windows that were left, until cancelled."""
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            await asyncio.gather(*(lane.read() for lane in self._lanes.values()))
            self._has_snapshot.set()
            self._has_snapshot.clear()
            horizon_s = asyncio.get_running_loop().time() - KEPT_S
            for key, window in list(self._windows.items()):
                if not window.streams and window.left_s < horizon_s:
                    await self._windows.pop(key).close()

    async def _started(self, lane: Lane) -> None:
        """Start a lane, unless it has been started. Raises BadRequest, in words for a page."""
        try:
            await lane.start()
        except ChildFailed as error:
            log.warning("%s", error)
            raise BadRequest(f"{lane.label}: its server did not start; the demo's terminal says why") from None

    def _lanes_on(self) -> list[Lane]:
        return [lane for slug, lane in self._lanes.items() if slug in self._on]

    def _lane(self, slug: str) -> Lane:
        if slug not in self._lanes:
            raise NotFound(f"lane: expected one of {', '.join(self._lanes)}, got {slug!r}")
        return self._lanes[slug]

    def _lane_on(self, slug: str) -> Lane:
        lane = self._lane(slug)
        if slug not in self._on:
            raise BadRequest(f"lane: {slug} is off; switch it on first")
        return lane

    def _window(self, key: str) -> Window:
        if key not in self._windows:
            raise NotFound(f"window: {key[:80]!r} is not open; open one")
        return self._windows[key]


def _info(transport: Transport) -> dict[str, str]:
    """Return the fields of `LaneInfo`."""
    return {name: getattr(transport, name) for name in LaneInfo.__struct_fields__}


async def _connected(window: Window, lane: Lane) -> LaneAddresses:
    """Connect a window to a lane, and return what its page needs."""
    address, *push_service = await window.connect(lane)
    info = {**_info(lane.transport), "label": lane.label}
    return LaneAddresses(**info, address=address, push_service="".join(push_service))
