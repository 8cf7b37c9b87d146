"""One lane: a transport's server as a process of its own, with a log that outlives it, and a crowd to fill its room.

Teaches that nothing acknowledged is lost: a restart here is a kill without warning, then a start on the same log. And
that a serverless host changes everything but the code: the same server runs there as a function.
"""

import asyncio
import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from servers.demo.counts import Counts, billed, counted
from servers.deploy.child_process import LOOPBACK, ChildProcess, free_port, python_module, started
from servers.deploy.serverless.profiles import Profile
from servers.stats import read_stats
from servers.transports import LOCAL_STAND_IN, RENTED, Transport

ROOM = "demo"
FREE_PLAN = {"PUSHER_CONNECTIONS": "100", "PUSHER_MESSAGES_A_DAY": "200000"}
"""The vendor's, for a push service of our own (https://pusher.com/channels/pricing, 2026-05-08)."""
LEASE_S = 15.0  # shorter than usual: a presenter waits this long until a client that was cut off is shown as offline


class Lane:
    """A transport and the processes that serve it.

    counts: what all of them have counted, as last read; bill: what its serverless host has metered, None without one;
    plan: of a push service of our own, None without one.
    page: the origin whose page shows the lane in a frame.
    """

    def __init__(self, transport: Transport, folder: Path, web: Path, secret: str) -> None:
        """Prepare, and start nothing. folder: for the log. web: the browser's client.

        secret: signs tokens, so that they outlive a server, its log and its host.
        """
        self.transport = transport
        self.page = ""
        self._web = web
        self._environment = {"CHAT_SECRET": secret, **FREE_PLAN}
        self._host: Profile | None = None
        self._store = f"sqlite:///{folder / transport.slug}.db"
        self._port = free_port()
        self._server: ChildProcess | None = None
        self._processes = ExitStack()
        self._crowd: ChildProcess | None = None
        self._earlier = Counts()  # of the servers before this one
        self._lock = asyncio.Lock()
        self.counts = Counts()
        self.bill: Mapping[str, float] | None = None
        self.plan: Mapping[str, int] | None = None

    @property
    def is_up(self) -> bool:
        """Whether the server serves: one may end by itself."""
        return self._server is not None and self._server.process.poll() is None

    @property
    def label(self) -> str:
        """The transport's name; a push service that is not rented says so."""
        if not self.transport.needs_push_service:
            return self.transport.label
        return self.transport.label_for(LOCAL_STAND_IN if self.runs_push_service else RENTED)

    @property
    def runs_push_service(self) -> bool:
        """Whether a push service of our own belongs to the lane: it needs one, and none is rented."""
        return self.transport.needs_push_service and not os.environ.get("PUSHER_KEY")

    @property
    def address(self) -> str:
        """Where the API listens, the same after every restart."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def push_service(self) -> str:
        """Where a push service of our own listens now; empty if there is none."""
        return str(self._server.facts.get("push_service", "")) if self._server else ""

    async def start(self) -> None:
        """Start the server, unless it has been started; waits until it serves. Raises ChildFailed."""
        async with self._lock:
            if not self._server:
                await self._start()

    async def restart(self) -> None:
        """Kill the server without warning, and start it again on the same log. Raises ChildFailed."""
        async with self._lock:
            await self.read()
            if self._server:
                self._server.process.kill()
            await self._stop()
            await self._start()

    async def move(self, host: Profile | None, store: str) -> None:
        """Run on a serverless host, or with None on a server of its own again, with the log in `store`."""
        async with self._lock:
            await self.read()
            was_up = self._server is not None
            await self._stop()
            self._host = host
            self._store = store
            self.bill = None
            if was_up:
                await self._start()

    async def stop(self) -> None:
        """End the crowd and the server; the counters are kept."""
        await self.set_crowd(0)
        async with self._lock:
            await self._stop()

    async def read(self) -> None:
        """Read the counters, if the server responds."""
        server = self._server
        push_service = self.push_service
        if server is None:
            return
        with suppress(OSError):
            api = await asyncio.to_thread(read_stats, server.address)
            service = await asyncio.to_thread(read_stats, push_service) if push_service else None
            plan = service and service["plan"] | {"connections_open": service["connections_open"]}
            bill = billed(await asyncio.to_thread(read_stats, server.address, "/host/stats")) if self._host else None
            if server is self._server:  # otherwise it was replaced meanwhile, and `_earlier` has its counts
                self.counts = counted(api, service) + self._earlier
                self.bill = bill
                self.plan = plan

    async def set_crowd(self, people: int) -> None:
        """Have `people` scripted users join the room and talk, once the present ones have left; 0 for none."""
        crowd, self._crowd = self._crowd, None
        if crowd is not None:
            await asyncio.to_thread(crowd.stop)
        if people:
            options = ["--transport", self.transport.slug, "--server", self.address, "--room", ROOM]
            command = python_module("clients", "crowd", *options, "--people", str(people), "--attached")
            self._crowd = ChildProcess(command)

    async def keep_crowd(self, people: int) -> None:
        """Start a crowd again that has ended, since the last host refused its transport."""
        if self._crowd is None or self._crowd.process.poll() is not None:
            await self.set_crowd(people)

    async def _start(self) -> None:
        options = ["--web", str(self._web), "--origin", self.page, "--lease", str(LEASE_S)]
        common = [self.transport.slug, "--port", str(self._port), "--store", self._store]
        if self._host:
            host = ["--profile", self._host.name, "--max-duration", str(self._host.max_duration_s)]
            command = ["servers.deploy.serverless", *common, *host, "--server-options", shlex.join(options)]
        else:
            command = ["servers", *common, *options]
        server = started(command, self._environment)
        self._server = await asyncio.to_thread(lambda: self._processes.enter_context(server))

    async def _stop(self) -> None:
        self._server = None
        self._earlier = self.counts
        await asyncio.to_thread(self._processes.close)
