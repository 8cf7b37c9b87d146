"""Run a chat, or its JavaScript, as a child process, and read its lines, each of which must begin before a deadline."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from servers.deploy.child_process import ChildFailed, ChildProcess

JAVASCRIPT = Path(__file__).parent / "javascript"
DEADLINE_S = 60.0


def node(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script of the JavaScript. Raises RuntimeError if it cannot run here."""
    program = shutil.which("node")
    if program is None or not (JAVASCRIPT / "node_modules").is_dir():
        raise RuntimeError(f"{script}: expected node and the packages of {JAVASCRIPT}; run `make setup`")
    return [program, str(JAVASCRIPT / script), *arguments]


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[ChildProcess]:
    """Run a command until the block ends, which kills it. env: added to ours. log: a file for its error output."""
    with ChildProcess(command, env, log) as child:
        try:
            yield child
        finally:
            child.process.kill()


def line_of(child: ChildProcess) -> str:
    """Wait for the next line of output; raises ChildFailed."""
    if not child.has_output(DEADLINE_S):
        raise ChildFailed(f"{child.process.args!r}: printed nothing for {DEADLINE_S:g} s")
    line = child.output.readline()
    if not line:
        raise ChildFailed(f"{child.process.args!r}: ended; see its standard error")
    return line.decode().rstrip("\n")
