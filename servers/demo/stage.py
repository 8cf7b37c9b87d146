"""What the demo can do: open windows on its lanes, move them far away or cut them off, restart servers, fill rooms.

Teaches what a presenter needs to make a point: one thing changed at a time, and counters that begin anew.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from servers import transports
from servers.core.errors import BadRequest, NotFound, TooMany
from servers.demo.lane import Lane
from servers.demo.messages import LaneState, Look, Opened, Reached
from servers.demo.window import Window

LOOK_S = 0.4
LEFT_S = 8.0
"""How long a window that nobody looks through keeps its lines: a page that is loaded anew finds them again."""

WINDOWS_MAX = 4
NAMES = ("Ada", "Bob", "Cyd", "Dee")


class Stage:
    """The lanes, the windows on them, and a look at all counters every LOOK_S."""

    def __init__(self, folder: Path, web: Path) -> None:
        """Prepare a lane for each transport. folder: for their logs. web: the files of the browser's client."""
        self._lanes = {row.slug: Lane(row, folder, web) for row in transports.TRANSPORTS}
        self._starting: asyncio.Task[None] | None = None
        self._windows: dict[str, Window] = {}
        self._names = count()
        self._people = 0
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
            await asyncio.gather(looking, self._starting or asyncio.sleep(0), return_exceptions=True)
            await asyncio.gather(*(window.close() for window in self._windows.values()))
            await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))

    def stop(self) -> None:
        """End the streams of counters: the demo is stopping."""
        self._stopping = True
        self._looked.set()

    def begin(self, page: str) -> None:
        """Start every lane but the additions, all at once, for pages of this origin; `open` waits for them."""
        for lane in self._lanes.values():
            lane.page = page
        self._starting = asyncio.create_task(self._start())

    async def open(self, known: str) -> Opened:
        """Open a window, or return to one that was left a moment ago. Raises TooMany, NotReady."""
        if self._starting:
            await asyncio.shield(self._starting)
        if known not in self._windows:
            if len(self._windows) >= WINDOWS_MAX:
                raise TooMany(f"windows: {WINDOWS_MAX} are open; close one first")
            known = secrets.token_hex(8)
            self._windows[known] = Window()
        ways = [await self._reached(self._windows[known], lane) for lane in self._lanes.values() if lane.is_up]
        return Opened(window=known, name=NAMES[next(self._names) % len(NAMES)], lanes=ways)

    async def light(self, window: str, slug: str, on: bool) -> Reached | None:
        """Switch an added lane on, and return the window's way to it; or switch it off. Raises NotFound, NotReady."""
        lane = self._lane(slug)
        if not on:
            await lane.stop()
            return None
        await lane.start()
        await lane.gather(self._people)
        return await self._reached(self._window(window), lane)

    def shape(self, window: str, delay_ms: float, is_cut: bool) -> None:
        """Set a window's distance, each way, or cut it off. Raises NotFound."""
        self._window(window).shape(delay_ms / 1000, is_cut)

    async def restart(self, slug: str) -> None:
        """Kill a lane's server and start it again. Raises NotFound, BadRequest, NotReady."""
        lane = self._lane(slug)
        if not lane.is_up:
            raise BadRequest(f"{slug}: its server is not up")
        await lane.restart()
        for window in self._windows.values():
            if slug in window.ways:
                window.ways[slug].follow()

    async def gather(self, people: int) -> None:
        """Have so many scripted users in every lane; 0 sends them home."""
        self._people = people
        await asyncio.gather(*(lane.gather(people) for lane in self._lanes.values() if lane.is_up))

    async def count_anew(self) -> None:
        """Let all counters begin at nothing."""
        await asyncio.gather(*(lane.count_anew() for lane in self._lanes.values()))

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
            slug: LaneState(lane.is_up, lane.counts, lane.transport.is_addition) for slug, lane in self._lanes.items()
        }
        return Look(lanes=lanes, people=self._people, delay_ms=1000 * window.delay_s, is_cut=window.is_cut)

    async def _start(self) -> None:
        wanted = [lane for lane in self._lanes.values() if not lane.transport.is_addition]
        await asyncio.gather(*(lane.start() for lane in wanted))

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

    async def _reached(self, window: Window, lane: Lane) -> Reached:
        way = await window.reach(lane)
        return Reached(
            slug=lane.transport.slug,
            label=lane.label,
            colour=lane.transport.colour,
            explanation=lane.transport.explanation,
            address=way.api.address,
            push_service=way.service.address if way.service else "",
            is_addition=lane.transport.is_addition,
        )

    def _lane(self, slug: str) -> Lane:
        if slug not in self._lanes:
            raise NotFound(f"lane: expected one of {', '.join(self._lanes)}, got {slug!r}")
        return self._lanes[slug]

    def _window(self, name: str) -> Window:
        if name not in self._windows:
            raise NotFound(f"window: {name[:80]!r} is not open; open one")
        return self._windows[name]
