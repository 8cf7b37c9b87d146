"""Run a chat, or its JavaScript, as a child process, and read its lines under a deadline.

Teaches how to call a program that may stay silent without hanging: unbuffered pipes, and a wait with a deadline.
"""

import os
import select
import shutil
import subprocess
import sys
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
    """Wait for the next line of output; raises RuntimeError, with the error output, if none comes in time."""
    assert process.stdout is not None
    assert process.stderr is not None
    readable, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
    line: bytes = process.stdout.readline() if readable else b""
    if not line:
        process.kill()
        raise RuntimeError(f"{process.args!r}: expected a line, got none; {process.stderr.read().decode()}")
    return line.decode().rstrip("\n")


def write_line(process: Process, text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n".encode())
