"""What the demo can do: open windows on its lanes, move them far away or cut them off, restart servers, fill rooms.

Teaches what a presenter needs to make a point: one thing changed at a time, and counters that begin anew.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from servers import transports
from servers.core.errors import BadRequest, NotFound, TooMany
from servers.demo.hosts import HOSTS
from servers.demo.lane import Lane
from servers.demo.messages import Absent, LaneState, Look, Opened, Reached
from servers.demo.window import Way, Window
from servers.deploy.child_process import ChildFailed
from servers.deploy.engines import program, redis_server

log = logging.getLogger(__name__)
LOOK_S = 0.4
LEFT_S = 8.0
"""How long a window that nobody looks through keeps its lines: a page that is loaded anew finds them again."""

NAMES = ("Ada", "Bob", "Cyd", "Dee")


class DemoController:
    """The lanes, the windows on them (one for each of NAMES at most), and a look at all counters every LOOK_S."""

    def __init__(self, folder: Path, web: Path, remedies: Mapping[str, str]) -> None:
        """Prepare a lane for each transport. folder: for their logs. web: the files of the browser's client.

        remedies: the transports that cannot be shown, by slug, each with what to do about it.
        """
        secret = secrets.token_urlsafe(32)
        rows = [row for row in transports.TRANSPORTS if row.slug not in remedies]
        self._absent = [_absent(transports.find(slug), remedy) for slug, remedy in remedies.items()]
        self._lanes = {row.slug: Lane(row, folder, web, secret) for row in rows}
        self._stores: dict[str, str] = {}
        self._engines = ExitStack()
        self._profile = ""
        self._on = {row.slug for row in rows if not row.is_addition}
        self._windows: dict[str, Window] = {}
        self._people = 0
        self._starting: list[asyncio.Task[None]] = []
        self._gathering = asyncio.Lock()
        self._looked = asyncio.Event()
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the counters until the block ends; then end every process and line."""
        looking = asyncio.create_task(self._look_again())
        try:
            yield
        finally:
            self.stop()
            looking.cancel()
            await asyncio.gather(looking, *self._starting, return_exceptions=True)
            await asyncio.gather(*(window.close() for window in self._windows.values()))
            await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
            self._engines.close()

    def stop(self) -> None:
        """End the streams of counters: the demo is stopping."""
        self._stopping = True
        self._looked.set()

    def begin(self, page: str) -> None:
        """Start every lane that is on, all at once, for pages of this origin; `open` waits, and tries again."""
        for lane in self._lanes.values():
            lane.page = page
        self._starting.append(asyncio.create_task(self._start()))

    async def open(self, known: str) -> Opened:
        """Open a window, or return to one that was left a moment ago, with its lines mended. Raises ChatError."""
        await asyncio.gather(*map(self._started, self._lanes_on()))
        if known not in self._windows:
            names = [name for name in NAMES if name not in {window.name for window in self._windows.values()}]
            if not names:
                raise TooMany(f"windows: {len(NAMES)} are open; close one first")
            known = secrets.token_hex(8)
            self._windows[known] = Window(names[0])
        window = self._windows[known]
        window.shape(delay_s=0.0, is_cut=False)
        reached = [_told(lane, await window.reach(lane)) for lane in self._lanes_on()]
        additions = {slug: lane.label for slug, lane in self._lanes.items() if lane.transport.is_addition}
        return Opened(window=known, name=window.name, lanes=reached, absent=self._absent, additions=additions)

    async def enable_lane(self, slug: str, on: bool) -> None:
        """Switch an added lane on or off. Raises NotFound, BadRequest."""
        lane = self._lane(slug)
        if not lane.transport.is_addition:
            raise BadRequest(f"lane: {slug} is always on; only what was added can be switched")
        if on:
            await self._started(lane)
            await lane.gather(self._people)
            self._on.add(slug)
        else:
            self._on.discard(slug)
            await lane.stop()

    async def reach(self, name: str, slug: str) -> Reached:
        """Lay a window's way to a lane. Raises NotFound, BadRequest."""
        lane = self._lane(slug)
        if slug not in self._on:
            raise BadRequest(f"lane: {slug} is off; switch it on first")
        return _told(lane, await self._window(name).reach(lane))

    def shape(self, window: str, delay_ms: float, is_cut: bool) -> None:
        """Set a window's distance, each way, or cut it off. Raises NotFound."""
        self._window(window).shape(delay_ms / 1000, is_cut)

    async def restart(self, slug: str) -> None:
        """Kill a lane's server and start it again. Raises NotFound, BadRequest, ChildFailed."""
        lane = self._lane(slug)
        if slug not in self._on:
            raise BadRequest(f"lane: {slug} is off; switch it on first")
        await lane.restart()

    async def gather(self, people: int) -> None:
        """Have so many scripted users in every lane; 0 sends them home."""
        async with self._gathering:
            self._people = people
            await asyncio.gather(*(lane.gather(people) for lane in self._lanes_on()))

    async def host_on(self, profile: str) -> None:
        """Move every lane to a serverless host, or back. Raises NotFound, BadRequest, ChildFailed.

        A function keeps nothing and shares nothing, so the first move takes the logs to Redis, where they begin anew.
        """
        if profile and profile not in HOSTS:
            raise NotFound(f"profile: expected one of {', '.join(HOSTS)}, or none, got {profile[:80]!r}")
        async with self._gathering:
            if not self._stores:
                self._stores = self._in_redis()
            moves = (lane.move(HOSTS.get(profile), self._stores[slug]) for slug, lane in self._lanes.items())
            await asyncio.gather(*moves)
            self._profile = profile

    async def count_anew(self, window: str) -> None:
        """Let a window's counters begin at nothing. Raises NotFound."""
        view = self._window(window)
        await asyncio.gather(*(lane.read() for lane in self._lanes_on()))
        view.count_anew(self._lanes.values())

    async def looks(self, window: str) -> AsyncIterator[Look]:
        """Yield what there is to see from a window, again and again; it stays open meanwhile. Raises NotFound."""
        view = self._window(window)
        view.streams += 1
        try:
            while not self._stopping:
                yield self._look(view)
                await self._looked.wait()
        finally:
            view.streams -= 1
            view.left_s = asyncio.get_running_loop().time()

    def _look(self, window: Window) -> Look:
        lanes = {
            slug: LaneState(slug in self._on, lane.is_up, window.counts(lane), lane.bill)
            for slug, lane in self._lanes.items()
        }
        return Look(
            lanes=lanes,
            people=self._people,
            delay_ms=1000 * window.delay_s,
            is_cut=window.is_cut,
            profile=self._profile,
            limit_s=HOSTS[self._profile].limit_s if self._profile else 0.0,
        )

    def _in_redis(self) -> dict[str, str]:
        """Start Redis, and return the URL of an empty database for each lane. Raises BadRequest without Redis."""
        if not program("redis-server"):
            raise BadRequest("Redis is missing, and functions share no memory; make setup says how to install it")
        folder = self._engines.enter_context(TemporaryDirectory(prefix="demo-redis-"))  # which is to be Redis's own
        engine = self._engines.enter_context(redis_server(Path(folder)))
        return {slug: engine.fresh_url() for slug in self._lanes}

    async def _start(self) -> None:
        await asyncio.gather(*(lane.start() for lane in self._lanes_on()), return_exceptions=True)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await asyncio.gather(*(lane.read() for lane in self._lanes.values()))
            self._looked.set()
            self._looked.clear()
            await self._close_what_was_left()

    async def _close_what_was_left(self) -> None:
        horizon_s = asyncio.get_running_loop().time() - LEFT_S
        for name, window in list(self._windows.items()):
            if not window.streams and window.left_s < horizon_s:
                await self._windows.pop(name).close()

    async def _started(self, lane: Lane) -> None:
        """Start a lane, unless it has been. Raises BadRequest in words for a page."""
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

    def _window(self, name: str) -> Window:
        if name not in self._windows:
            raise NotFound(f"window: {name[:80]!r} is not open; open one")
        return self._windows[name]


def _absent(transport: transports.Transport, remedy: str) -> Absent:
    """Return what a window's page is told of a lane that cannot be shown."""
    return Absent(
        slug=transport.slug,
        label=transport.label,
        colour=transport.colour,
        explanation=transport.explanation,
        remedy=remedy,
    )


def _told(lane: Lane, way: Way) -> Reached:
    """Return what a window's page is told of a lane."""
    return Reached(
        slug=lane.transport.slug,
        label=lane.label,
        colour=lane.transport.colour,
        explanation=lane.transport.explanation,
        address=way.api.address,
        push_service=way.service.address if way.service else "",
    )
