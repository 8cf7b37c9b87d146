"""A running chat whose processes a drill may kill: a server, or two workers and their engine, and people who talk."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from servers.deploy.child_process import ChildFailed, ChildProcess, free_port, python_module
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import ENGINES, Engine
from servers.transports import find
from tests.outages.outcome import outcome_of
from tests.outages.people import Crowd, Size, crowd
from tests.support.chat_harness import OPTIONS, SECRET
from tests.support.deadline import DEADLINE_S
from tests.support.pusher_process import ENV, service_settings

DURATIONS = ("--lease", "6", "--hold", "2", "--ping", "2")
EVIDENCE_MAX = 3
"""How many tracebacks of a row, or failed inputs, are kept as evidence."""


@dataclass
class Server:
    """One of our programs, on the same port after each start. before: precedes its command. folder: has its logs."""

    command: Sequence[str]
    folder: Path
    env: Mapping[str, str] | None = None
    before: Sequence[str] = ()

    def __post_init__(self) -> None:
        self._port = free_port()
        self._starts = itertools.count()
        self.start()

    @property
    def pid(self) -> int:
        return self.child.pid

    def start(self) -> None:
        """Start it, and wait until it serves; raises ChildFailed, and leaves no process behind then."""
        command = [*self.before, *python_module(*self.command, "--port", str(self._port), "--attached")]
        self.child = ChildProcess(command, self.env, self.folder / f"{self.command[0]}-{next(self._starts)}.log")
        try:
            self.child.await_ready()
        except ChildFailed:
            self.stop()
            raise

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.child.process.kill()
        self.stop()

    def stop(self) -> None:
        self.child.stop()


@dataclass(frozen=True, slots=True)
class Worker:
    """A server's youngest worker; the server itself starts another one in its place."""

    server: Server

    @property
    def pid(self) -> int:
        return max(psutil.Process(self.server.pid).children(), key=psutil.Process.create_time).pid

    def kill(self) -> None:
        psutil.Process(self.pid).kill()

    def start(self) -> None:
        """Do nothing: the server starts a worker in its place."""


Victim = Server | Worker | Engine  # a process that can be killed and started again


@dataclass(frozen=True, slots=True)
class Running:
    """A running chat. victims: its processes, by role; "server" ends with all its workers.

    folder: has the logs of our programs. disk: the folder of an embedded log.
    """

    server: Server
    victims: Mapping[str, Victim]
    folder: Path
    disk: Path
    joined: Crowd

    async def progress(self) -> None:
        """Wait until a message arrives; raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_S):
            await self.joined.people[0].progress()

    async def measured(self, failure: "Callable[[Running], Awaitable[None]]", size: Size) -> dict[str, Any]:
        """Have something fail; return the figures of its outcome, and what the logs of our programs show."""
        return await outcome_of(self.joined, lambda: failure(self), size) | tracebacks_in(self.folder)


def tracebacks_in(folder: Path) -> dict[str, Any]:
    """Return how many tracebacks are in the logs of a folder, and the first few as evidence."""
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.log")]
    found = [text[:2000] for log in logs for text in log.split("Traceback (most")[1:]]
    return {"tracebacks": len(found), "evidence": found[:EVIDENCE_MAX]}


@asynccontextmanager
async def talking(
    slug: str, scheme: str, size: Size, env: Mapping[str, str] | None = None, mount: str = ""
) -> AsyncIterator[Running]:
    """Run a chat in which people talk; mount: see `in_namespace`."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(engine_folder())
        folder = data.parent
        disk = folder / "disk"
        disk.mkdir()
        victims: dict[str, Victim] = {}
        store = ["--store", f"sqlite:///{disk}/chat.db"]
        if scheme in ENGINES:
            victims["engine"] = engine = stack.enter_context(ENGINES[scheme](data))
            store = ["--store", engine.fresh_url(), "--workers", "2"]
        given = {"CHAT_SECRET": SECRET, **(env or {})}
        if find(slug).needs_push_service:
            victims["push_service"] = service = Server(["servers.pusher_service"], folder, ENV)
            stack.callback(service.stop)
            given |= service_settings(service.child.address)
        before = in_namespace(mount, disk) if mount else []
        victims["server"] = server = Server(["servers", slug, *store, *DURATIONS], folder, given, before)
        stack.callback(server.stop)
        if scheme in ENGINES:
            victims["worker"] = Worker(server)
        joined = await stack.enter_async_context(crowd(slug, server.child.address, size, OPTIONS))
        running = Running(server, victims, folder, disk, joined)
        await running.progress()
        yield running


def in_namespace(mount: str, disk: Path) -> list[str]:
    """Return what to put before a command so that it sees a mount of its own; $0 in `mount` is the folder."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$@"', str(disk)]


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
