"""What the children of a measurement have in common: how they start, announce themselves and end.

Teaches how to let no child outlive its parent: each runs in a session of its own, so that Ctrl-C reaches the parent
only, which then ends them in order. Their standard error goes to a file, whose end is quoted when one fails.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import perf_counter
from typing import Any

from loadtests.harness.cores import pinned

STOP_S = 10.0
LOOK_S = 0.25
QUOTED_LINES = 12

Look = Callable[[], None]
"""Called several times a second while something is awaited."""


def _look_at_nothing() -> None:
    """Do nothing while something is awaited."""


class NotMeasured(RuntimeError):
    """A transport could not be measured: a child ended, or stayed silent."""


class Overloaded(NotMeasured):
    """A server had so much to do that it could not even be read: under a growing load, that is its limit."""


class Child:
    """A running process that prints JSON lines."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log

    def next_line(self, within_s: float, look: Look) -> dict[str, Any]:
        """Wait for the next line, and return it decoded; raises NotMeasured."""
        output, deadline_s = self._process.stdout, perf_counter() + within_s
        assert output is not None
        while not select([output], [], [], LOOK_S)[0]:
            look()
            if perf_counter() > deadline_s:
                raise self.failed(f"said nothing for {within_s:g} s")
        line = output.readline()
        if not line:
            raise self.failed(f"ended with status {self._process.wait(STOP_S)}")
        told: dict[str, Any] = json.loads(line)
        return told

    def next_line_now(self) -> dict[str, Any] | None:
        """Return the next line if it is there already; None if it is not. Raises NotMeasured if none can come."""
        output = self._process.stdout
        assert output is not None
        return self.next_line(0.0, _look_at_nothing) if select([output], [], [], 0)[0] else None

    def wait(self, within_s: float) -> None:
        """Wait for the process to end by itself, whatever its status; raises NotMeasured."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise self.failed(f"still ran after {within_s:g} s") from None

    def terminate(self) -> None:
        """Ask the process to end, by SIGTERM; does nothing if it has."""
        self._process.terminate()

    def failed(self, what: str) -> NotMeasured:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-QUOTED_LINES:]
        return NotMeasured("\n  ".join([f"{self._log.stem} {what}", *lines]))


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our modules."""
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def running(
    command: Sequence[str], core: int | None, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a command on one core until the block ends, then end it: standard input closed, SIGTERM, SIGKILL.

    environment: what to add to our own.
    """
    with pinned(core), log.open("wb") as words:
        process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    with process:
        try:
            yield Child(process, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    for insist in (process.terminate, process.kill):
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            insist()
