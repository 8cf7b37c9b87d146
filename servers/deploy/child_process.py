"""Child processes: start one, wait for its ready line, read what it prints, end it.

Teaches how no child outlives its parent: our programs run with `--attached`, and stop when their standard input closes.
Each runs in a session of its own, so that Ctrl-C reaches the parent only, which then ends its children in order.
"""

import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Self

from servers.addresses import without_passwords

READY_S = 60.0
STOP_S = 10.0
TICK_S = 0.25
LINE_BYTES_MAX = 64 * 1024
QUOTED_LINES = 12

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ephemeral ports, which start at 32,768 on Linux: no other connection takes one."""

MARKS_MAX = 100
_marks: deque[int] = deque()
"""Descriptors of the sockets that mark ports of this process, the oldest first: a process may have few descriptors."""

OnTick = Callable[[], None]  # called several times a second while something is awaited


class ChildFailed(RuntimeError):
    """A child process ended, or printed nothing in time."""


def free_port() -> int:
    """Return a port that nobody listens on, for a server that binds it a moment later, and again after each restart.

    No other call on the whole machine returns it until this process has ended, or has asked for `MARKS_MAX` more: an
    open UDP socket of the same number marks it as taken. Raises OSError if no port is free.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket(type=socket.SOCK_DGRAM) as mark, suppress(OSError):
            mark.bind((LOOPBACK, port))
            socket.create_server((LOOPBACK, port)).close()
            _marks.append(mark.detach())
            if len(_marks) > MARKS_MAX:
                os.close(_marks.popleft())
            return port
    raise OSError(f"all ports from {PORTS[0]} to {PORTS[-1]} are in use")


def readable(descriptors: Sequence[int], within_s: float | None) -> list[int]:
    """Wait, and return the descriptors that can be read; unlike for select.select(), there may be more than 1,024."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(None if within_s is None else 1000 * within_s)]


class ChildProcess:
    """A running process that prints JSON lines. facts: its ready line, once it was awaited. Stop it when done."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None, log: Path | None = None) -> None:
        """Start it, and do not wait. env: added to ours. log: a file for its standard error, instead of ours."""
        self._log = log
        self._line = b""  # the beginning of the next one
        self.facts: Mapping[str, Any] = {}
        with log.open("wb") if log else nullcontext() as stderr:
            self.process = subprocess.Popen(
                command,
                bufsize=0,  # so that no line waits in a buffer that a selector does not see
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> IO[bytes]:
        """Its standard output."""
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def address(self) -> str:
        """Where it listens, by its ready line."""
        return str(self.facts["address"])

    def await_ready(self, within_s: float = READY_S) -> Self:
        """Wait for the ready line; raises ChildFailed."""
        self.facts = self.next_line(within_s)
        if "address" not in self.facts:
            raise self.failed(f"expected a ready line with an address, got {self.facts}")
        return self

    def has_output(self, within_s: float = 0.0) -> bool:
        """Wait until there is something to read, or the output has ended; return False if nothing comes in time."""
        return bool(readable([self.output.fileno()], within_s))

    def read_line(self) -> bytes | None:
        """Return the next line without waiting; None while it is not complete, nothing if the output has ended.

        A line that is too long is returned in pieces.
        """
        while self.has_output():
            byte = self.output.read(1)
            self._line += byte
            if byte in (b"\n", b"") or len(self._line) == LINE_BYTES_MAX:
                line, self._line = self._line, b""
                return line
        return None

    def next_line(self, within_s: float, on_tick: OnTick | None = None) -> dict[str, Any]:
        """Wait for the next line to begin, and return the JSON object in it; raises ChildFailed."""
        deadline_s = time.monotonic() + within_s
        while (line := self.read_line()) is None:
            if not self.has_output(TICK_S) and on_tick is not None:
                on_tick()
            if time.monotonic() > deadline_s + (STOP_S if self._line else 0):
                raise self.failed(f"printed no line for {within_s:g} s")
        if not line:
            self.wait(STOP_S)
            raise self.failed(f"ended with status {self.process.returncode}")
        if not (decoded := json_object(line)):
            raise self.failed(f"expected a line with a JSON object, got {line[:200]!r}")
        return decoded

    def wait(self, within_s: float) -> None:
        """Wait for the process to end by itself, whatever its status; raises ChildFailed."""
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise self.failed(f"still ran after {within_s:g} s") from None

    def failed(self, what: str) -> ChildFailed:
        """Return an error that says what the child did, with the end of its log if it has one; without passwords."""
        what = without_passwords(what)
        if self._log is None:
            _, _, *arguments = map(str, self.process.args)  # type: ignore[arg-type]
            return ChildFailed(f"{without_passwords(' '.join(arguments))}: {what}; see its standard error")
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-QUOTED_LINES:]
        return ChildFailed("\n  ".join([f"{self._log.stem} {what}", *map(without_passwords, lines)]))

    def write_line(self, line: str) -> None:
        """Write a line to its standard input; raises OSError if it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    def close_input(self) -> None:
        """Ask the process to end, without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def stop(self) -> None:
        """End the process, and wait: standard input closed, then SIGTERM, then SIGKILL, STOP_S apart."""
        self.close_input()
        with self.process:
            for insist in (self.process.terminate, self.process.kill):
                try:
                    self.process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    insist()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def json_object(line: bytes) -> dict[str, Any]:
    """Return the JSON object in a line; an empty one if the line contains something else."""
    with suppress(ValueError):
        if isinstance(decoded := json.loads(line), dict):
            return decoded
    return {}


def python_module(*arguments: str) -> list[str]:
    """Return the command that runs one of our modules."""
    return [sys.executable, "-m", *arguments]


@contextmanager
def started(module_args: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[ChildProcess]:
    """Run `python -m <module_args> --attached` until the block ends, from its ready line on; raises ChildFailed."""
    with ChildProcess(python_module(*module_args, "--attached"), env) as child:
        yield child.await_ready()


def stop_all(children: Sequence[ChildProcess]) -> None:
    """End children at the same time, and wait."""
    for child in children:
        child.close_input()
    for child in children:
        child.stop()
