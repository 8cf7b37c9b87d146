"""Start our apps as child processes, and know when they are ready.

A child prints one JSON line once it listens (see `servers.serving.print_ready`), runs with `--attached`, and stops when
its standard input closes. So no child outlives its parent, not even a parent that was killed.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from servers.redaction import without_passwords

READY_S = 30.0
STOP_S = 10.0


class NotReady(RuntimeError):
    """A child process ended, or stayed silent, before it announced itself."""


@dataclass(frozen=True, slots=True)
class Running:
    """A child that listens: its base address, and all it announced."""

    address: str
    facts: Mapping[str, Any] = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)


def _ready_line(process: subprocess.Popen[bytes], ready_s: float) -> dict[str, Any]:
    """Wait for the child's first line of output and return it decoded; raise NotReady."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], ready_s)
    line = process.stdout.readline() if readable else b""
    if not line:
        fate = f"ended with status {process.wait(STOP_S)}" if readable else f"said nothing for {ready_s:g} s"
        _, _, *command = map(str, cast(list[str], process.args))
        raise NotReady(f"{without_passwords(' '.join(command))}: {fate}; why, it says itself, on standard error")
    facts: dict[str, Any] = json.loads(line)
    return facts


def spawn(module_args: Sequence[str], env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start `python -m <module_args> --attached`, with `env` added to this process's environment. Does not wait."""
    return subprocess.Popen(
        [sys.executable, "-m", *module_args, "--attached"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )


def ready(process: "subprocess.Popen[bytes]", ready_s: float = READY_S) -> Running:
    """Wait until a spawned child announces itself; raises NotReady."""
    facts = _ready_line(process, ready_s)
    return Running(address=facts["address"], facts=facts, process=process)


@contextmanager
def started(
    module_args: Sequence[str], env: Mapping[str, str] | None = None, ready_s: float = READY_S
) -> Iterator[Running]:
    """Run `python -m <module_args> --attached` until the block ends.

    `env` is added to this process's environment. Raises NotReady. The child is stopped by closing its standard
    input, and killed if it has not ended within STOP_S.
    """
    process = spawn(module_args, env)
    with process:
        try:
            yield ready(process, ready_s)
        finally:
            stop(process)


def stop_all(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End children at the same time, and let go of their output. Waits."""
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()
    for process in processes:
        with process:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the child: ask by closing its standard input, then kill after STOP_S. Waits."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
