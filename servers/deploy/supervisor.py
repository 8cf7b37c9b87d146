"""A supervisor: processes started in order, restarted when they end, replaced when there is a new version.

Teaches what a host does for its customers, and two ways to share a port. With one listening socket for all workers, the
one that wakes first accepts all waiting connections: of 200 long connections, two workers took 57 and 143. With a
socket for each worker on the same port (SO_REUSEPORT), the kernel distributes the connections: 93 and 107; but if a
worker is killed, the connections that it has not accepted yet are lost. Leaves out health checks: a process that hangs
is not noticed.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any, Self

from servers.deploy.child_process import LOOPBACK, ChildProcess, free_port, json_object, readable, stop_all
from servers.deploy.supervised_part import Part, Renewal
from servers.listening_sockets import reusable_socket
from servers.standard_streams import STDIN

STOP = b"!"
RENEW = b"+"
HANDLERS = {signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGHUP: RENEW}
RESTART_S = 1.0
"""The shortest time between two starts of one process, so that a process that cannot start does not use all the CPU."""


class Supervisor:
    """Processes by role, as a context manager. on_change: called with a text for each start and end.

    handles_signals: for a process that only supervises; one that serves itself has handlers of its own, and supervises
    in a thread, by `running_aside`.
    """

    def __init__(self, on_change: Callable[[str], None], handles_signals: bool = True) -> None:
        self._on_change = on_change
        self._handlers = HANDLERS if handles_signals else {}
        self._parts: list[Part] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._signal_reader, self._signal_writer = self._stack.enter_context(signals(self._handlers))
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End every process, all at the same time."""
        stop_all([child for part in self._parts for child in part.children])
        self._stack.close()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the serving processes, by role."""
        return {part.role: part.child.pid for part in self._parts if part.child}

    @property
    def addresses(self) -> dict[str, str]:
        """Where each listens, by role."""
        return {part.role: f"http://{LOOPBACK}:{part.port}" for part in self._parts}

    def spawn(
        self,
        role: str,
        command: Sequence[str],
        renewal: Renewal,
        *,
        port: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> Part:
        """Run `python -m <command>` on a port (0 takes a free one), and do not wait."""
        if renewal is Renewal.OVERLAP:
            port = self._stack.enter_context(reusable_socket(LOOPBACK, port)).getsockname()[1]
        part = Part(role, command, renewal, port or free_port(), env or {})
        self._parts.append(part)
        part.spawn()
        return part

    def await_ready(self, *parts: Part) -> ChildProcess:
        """Wait until processes that were spawned serve, and return the last; raises ChildFailed."""
        for part in parts:
            assert part.successor is not None
            child = part.successor.await_ready()
            part.take_over()
        return child

    def start(self, role: str, command: Sequence[str], renewal: Renewal, **more: Any) -> str:
        """Spawn a process, wait until it serves, and return its address; raises ChildFailed."""
        return self.await_ready(self.spawn(role, command, renewal, **more)).address

    def run(self, attached: bool) -> None:
        """Restart processes that end, renew on SIGHUP, until a signal or (if attached) the end of standard input."""
        inputs = [self._signal_reader, STDIN] if attached else [self._signal_reader]
        is_renewable = any(part.renewal is not Renewal.NEVER for part in self._parts)
        while True:
            outputs = {child.output.fileno(): (part, child) for part in self._parts for child in part.children}
            is_missing = any(part.is_missing for part in self._parts)
            ready = readable([*inputs, *outputs], RESTART_S if is_missing else None)
            received = os.read(self._signal_reader, 1) if self._signal_reader in ready else b""
            if received == RENEW and is_renewable:
                self._renew()
            elif received or STDIN in ready:
                return
            for descriptor in ready:
                if descriptor in outputs:
                    self._on_output(*outputs[descriptor])
            self._restart_missing()

    @contextmanager
    def running_aside(self) -> Iterator[None]:
        """Restart processes that end, in a thread, until the block ends."""
        thread = Thread(target=self.run, args=(False,), name="supervisor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.write(self._signal_writer, STOP)
            thread.join()

    def _on_output(self, part: Part, child: ChildProcess) -> None:
        """Read what a process has printed: the ready line of a successor, or the end of its output."""
        if child not in part.children:  # stopped meanwhile, for a new version
            return
        line = child.read_line()
        if line == b"":
            self._on_end(part, child)
        elif line and child is part.successor and "address" in (facts := json_object(line)):
            child.facts = facts
            replaced = part.take_over()
            change = "has its new version" if part.is_renewed else "started"
            self._on_change(f"{part.role} {change}")
            part.is_renewed = False
            if replaced is not None:
                replaced.stop()

    def _on_end(self, part: Part, child: ChildProcess) -> None:
        child.stop()  # it may have closed its output only
        status = child.process.returncode
        if child is part.child:
            part.child = None
            self._on_change(f"{part.role} ended with status {status}")
        else:
            part.successor = None
            part.is_renewed = False
            self._on_change(f"{part.role} did not start: it ended with status {status}; see its standard error")

    def _restart_missing(self) -> None:
        for part in self._parts:
            if part.is_missing and time.monotonic() - part.started_s >= RESTART_S:
                self._spawn(part)

    def _renew(self) -> None:
        """Replace every process that is ours, in the order of their start: later ones may need earlier ones."""
        for part in self._parts:
            if part.renewal is Renewal.NEVER or part.child is None or part.successor is not None:
                continue
            if part.renewal is Renewal.SIGHUP:
                part.child.process.send_signal(signal.SIGHUP)
                self._on_change(f"{part.role} has its new version")
                continue
            if part.renewal is Renewal.STOP_FIRST:
                part.child.stop()
                part.child = None
            part.is_renewed = True
            self._spawn(part)

    def _spawn(self, part: Part) -> None:
        try:
            part.spawn()
        except OSError as error:  # such as a lack of file descriptors or memory, which may pass
            self._on_change(f"{part.role} did not start: {error}")


@contextmanager
def signals(handlers: Mapping[signal.Signals, bytes]) -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe, to which each of these signals writes STOP or RENEW: one poll can wait for it, too."""
    reading, writing = os.pipe()
    previous = {
        number: signal.signal(number, lambda *_, mark=mark: os.write(writing, mark))
        for number, mark in handlers.items()
    }
    try:
        yield reading, writing
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
