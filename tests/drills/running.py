"""A chat that a drill may kill: one server, its store's engine if it has one, and people who talk meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from servers.deploy.child_process import ChildFailed, ChildProcess, python_module
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import ENGINES
from servers.transports import find
from tests.outages.outages import COMPILED
from tests.outages.outcome import Outcome, outcome
from tests.outages.people import Crowd, crowd
from tests.support.chat_harness import OPTIONS, SECRET
from tests.support.pusher_process import ENV, service_settings

DURATIONS = ("--lease", "6", "--hold", "2", "--ping", "2")
PEOPLE = 4
CATCH_UP_S = 60.0
DEADLINE_S = 60.0


class Victim(Protocol):
    """A process that can be killed and started again: a server, or `servers.deploy.engines.Engine`."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Server:
    """One of our programs, on the same port after each start. tracebacks: all that its standard error has held."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str], before: Sequence[str] = ()) -> None:
        """Start it; before: what to put before its command."""
        self._command, self._log, self._env, self.before = command, log, {**COMPILED, **env}, before
        self._port = 0
        self._tracebacks: list[str] = []
        self.start()

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def tracebacks(self) -> list[str]:
        _, *found = self._log.read_text(encoding="utf-8", errors="replace").split("Traceback (most")
        return self._tracebacks + found

    def start(self) -> None:
        """Start it, and wait until it serves; raises ChildFailed."""
        command = [*self.before, *python_module(*self._command, "--port", str(self._port), "--attached")]
        self.child = ChildProcess(command, self._env, self._log)
        try:
            self.child.await_ready()
        except ChildFailed:
            self.child.stop()
            raise
        self._port = int(self.child.address.rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.child.process.send_signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        self.child.stop()
        self._tracebacks = self.tracebacks
        self._log.write_bytes(b"")


@dataclass(frozen=True, slots=True)
class Running:
    """A running chat. victims: its processes, by role; the server is "api". disk: the folder of an embedded log."""

    server: Server
    victims: Mapping[str, Victim]
    disk: Path
    joined: Crowd

    @property
    def tracebacks(self) -> list[str]:
        servers = [victim for victim in self.victims.values() if isinstance(victim, Server)]
        return [text[-2000:] for server in servers for text in server.tracebacks]

    async def progress(self) -> None:
        """Wait until a message arrives; raises TimeoutError."""
        person = self.joined.people[0]
        person.has_received.clear()
        async with asyncio.timeout(DEADLINE_S):
            await person.has_received.wait()

    async def finish(self, began_s: float, over_s: float) -> Outcome:
        """Let everybody receive everything, and return the outcome of what happened between these moments."""
        await self.joined.finish(CATCH_UP_S)
        return outcome(self.joined.people, began_s, over_s)


@asynccontextmanager
async def talking(
    slug: str, scheme: str, every_s: float, env: Mapping[str, str] | None = None, mount: str = ""
) -> AsyncIterator[Running]:
    """Run a chat in which PEOPLE mean to send a message every `every_s` seconds each; mount: see `in_namespace`."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(engine_folder())
        disk = folder.parent / "disk"
        disk.mkdir()
        victims: dict[str, Victim] = {}
        url, given = f"sqlite:///{disk}/chat.db", {"CHAT_SECRET": SECRET, **(env or {})}
        if scheme in ENGINES:
            victims[scheme] = engine = stack.enter_context(ENGINES[scheme](folder))
            url = engine.fresh_url()
        if find(slug).needs_push_service:
            victims["push_service"] = service = Server(["servers.pusher_service"], folder.parent / "service", ENV)
            stack.callback(service.stop)
            given |= service_settings(service.child.address)
        command, before = ["servers", slug, "--store", url, *DURATIONS], in_namespace(mount, disk) if mount else []
        victims["api"] = server = Server(command, folder.parent / "log", given, before)
        stack.callback(server.stop)
        joined = await stack.enter_async_context(crowd(slug, server.child.address, PEOPLE, OPTIONS))
        joined.start(every_s)
        running = Running(server, victims, disk, joined)
        await running.progress()
        yield running


def in_namespace(mount: str, disk: Path) -> list[str]:
    """Return what to put before a command so that it sees a mount of its own; $0 in `mount` is the folder."""
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$@"', str(disk)]


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
