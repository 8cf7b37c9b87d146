"""The processes of one deployment: started in order, started anew when one dies, replaced when there is a new version.

Teaches what a host does for those who rent it, and systemd for those who do not: tend. And that what a new version
costs its users is decided by what it has alone: a process that shares its store may serve beside the one it replaces;
one that owns a file must wait for the other to let go of it. Leaves out health checks: who hangs is not noticed.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from servers.deploy.processes import NotReady, Running, ready, spawn, stop, stop_all
from servers.deploy.workers import held_port

HOST = "127.0.0.1"
RETRY_S = 1.0
STDIN = 0


class Renewal(StrEnum):
    """How a part gets its new version."""

    OVERLAP = "overlap"  # the new one listens on the same port, and only then the old one is told to stop
    STOP_FIRST = "stop_first"  # it has something alone, such as a file
    ITSELF = "itself"  # it is a host: told by SIGHUP, it gives new requests to new instances
    NEVER = "never"  # it is rented, and its owner's business


@dataclass(slots=True)
class Part:
    """One process of a deployment; `port` is 0 until it has one, which it then keeps."""

    role: str
    command: Sequence[str]
    renewal: Renewal
    port: int
    env: Mapping[str, str]
    running: Running | None = field(default=None, repr=False)

    def spawn(self) -> Any:
        """Start the process without waiting for it."""
        more = ["--share-port"] if self.renewal is Renewal.OVERLAP else []
        return spawn([*self.command, "--port", str(self.port), *more], self.env)


Changed = Callable[[str], None]


class Deployment:
    """Processes by role. `changed` is told in words what has become of them. Close it when done."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._parts: list[Part] = []
        self._ports = ExitStack()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of those that run, by role."""
        return {part.role: part.running.process.pid for part in self._parts if part.running}

    @property
    def addresses(self) -> dict[str, str]:
        """Where each part listens, by role."""
        return {part.role: f"http://{HOST}:{part.port}" for part in self._parts}

    def start(
        self,
        role: str,
        command: Sequence[str],
        renewal: Renewal,
        *,
        port: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run `python -m <command>` on a port (0 takes a free one) and return its address. Waits; raises NotReady."""
        if renewal is Renewal.OVERLAP:
            port = self._ports.enter_context(held_port(HOST, port))
        part = Part(role, command, renewal, port, env or {})
        process = part.spawn()
        try:
            part.running = ready(process)
        except NotReady:
            stop_all([process])
            raise
        part.port = int(part.running.address.rpartition(":")[2])
        self._parts.append(part)
        return part.running.address

    def tend(self, attached: bool) -> None:
        """Start anew whatever ends, replace all on SIGHUP, until a signal or the end of standard input says stop."""
        with _signals() as signals:
            stops = [STDIN] if attached else []
            while True:
                missing = any(part.running is None for part in self._parts)
                outputs: list[Any] = [part.running.process.stdout for part in self._parts if part.running]
                readable, _, _ = select.select([signals, *stops, *outputs], [], [], RETRY_S if missing else None)
                told = os.read(signals, 1) if signals in readable else b""
                if told == b"!" or STDIN in readable:
                    return
                if told:
                    self._renew()
                else:
                    self._mend(readable)

    def close(self) -> None:
        """End every process, the last started first, since it may need the others to end well."""
        for part in reversed(self._parts):
            if part.running is not None:
                _end(part.running)
        self._ports.close()

    def _mend(self, readable: Sequence[Any]) -> None:
        """Start anew the parts whose output has ended, and those that could not be started before."""
        for part in self._parts:
            if part.running and part.running.process.stdout in readable and not _says(part.running):
                status = part.running.process.wait()
                part.running = None
                self._changed(f"{part.role} ended with status {status}")
            if part.running is None:
                self._start_anew(part)

    def _renew(self) -> None:
        """Replace every part that is ours, the first started first: what others stand on is new before they are."""
        for part in self._parts:
            running = part.running
            if running is None or part.renewal is Renewal.NEVER:
                continue
            if part.renewal is Renewal.ITSELF:
                running.process.send_signal(signal.SIGHUP)
            elif part.renewal is Renewal.STOP_FIRST:
                _end(running)
            if part.renewal is Renewal.ITSELF or self._start_anew(part):
                self._changed(f"{part.role} has its new version")
            if part.renewal is Renewal.OVERLAP and part.running is not running:
                _end(running)

    def _start_anew(self, part: Part) -> bool:
        """Start a part on the port it had. If that fails, what ran goes on, or another attempt follows."""
        process = part.spawn()
        try:
            part.running = ready(process)
        except NotReady as error:
            stop_all([process])
            if part.running is not None and part.running.process.poll() is not None:
                part.running = None
            self._changed(f"{part.role} did not start: {error}")
            time.sleep(RETRY_S)
            return False
        self._changed(f"{part.role} started")
        return True


def _end(running: Running) -> None:
    with running.process:
        stop(running.process)


def _says(running: Running) -> bool:
    """Tell whether there was something to read from a child: its output ends when it does."""
    assert running.process.stdout is not None
    return bool(os.read(running.process.stdout.fileno(), 4096))


@contextmanager
def _signals() -> Iterator[int]:
    """Yield a descriptor from which "!" is read when a signal says stop, and "+" when one says that all be new."""
    reading, writing = os.pipe()
    marks = {signal.SIGTERM: b"!", signal.SIGINT: b"!", signal.SIGHUP: b"+"}
    before = {
        number: signal.signal(number, lambda *_, mark=mark: os.write(writing, mark)) for number, mark in marks.items()
    }
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
