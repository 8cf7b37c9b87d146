"""Run a chat, or its JavaScript, as a child process, and read its lines under a deadline.

Teaches how to call a program that may stay silent without hanging: unbuffered pipes, and a wait with a deadline.
"""

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

JAVASCRIPT = Path(__file__).parent / "javascript"
DEADLINE_S = 15.0

Process = subprocess.Popen[bytes]


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def node(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script of the JavaScript. Raises RuntimeError if it cannot run here."""
    program = shutil.which("node")
    if program is None or not (JAVASCRIPT / "node_modules").is_dir():
        raise RuntimeError(f"{script}: expected node and the packages of {JAVASCRIPT}; run `make setup`")
    return [program, str(JAVASCRIPT / script), *arguments]


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Iterator[Process]:
    """Run a command in `cwd` until the block ends, with `env` added to the environment, and unbuffered pipes."""
    pipe = subprocess.PIPE
    environment = {**os.environ, **(env or {})}
    with subprocess.Popen(
        command, env=environment, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: Process) -> str:
    """Wait for the next line of output. If none is complete in time, kill the process and raise RuntimeError.

    The error contains the error output. It is not read before: a process that fills that pipe waits, and is killed too.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    deadline_s = time.monotonic() + DEADLINE_S
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline_s - time.monotonic()))
        byte = process.stdout.read(1) if readable else b""
        if not byte:
            process.kill()
            raise RuntimeError(f"{process.args!r}: expected a line, got {line!r}; {process.stderr.read().decode()}")
        line += byte
    return line.decode().rstrip("\n")


def write_line(process: Process, text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n".encode())
