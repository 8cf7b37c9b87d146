"""What happens to the shortest JavaScript when node runs it: what its client hears, and as what, or what is thrown."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parent / "javascript"
DEADLINE_S = 15.0

Told = dict[str, str]


def told(server: str, client: str) -> Told:
    """Run a server and one of the WebSocket clients in node, and return what the client tells; waits.

    Raises FileNotFoundError without node, and RuntimeError, with what node says, when the server does not start.
    """
    with _serving(server) as url:
        command = [_node(), "run_websocket_client.mjs", f"./{client}", url]
        printed = subprocess.run(command, cwd=FOLDER, env=_env(), check=True, capture_output=True, timeout=DEADLINE_S)
    found: Told = json.loads(printed.stdout)
    return found


@contextmanager
def _serving(script: str) -> Iterator[str]:
    """Run a server until the block ends, and give the address that it prints."""
    pipe = subprocess.PIPE
    with subprocess.Popen([_node(), script], cwd=FOLDER, env=_env(), stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if not (line := process.stdout.readline().decode().strip()):
                raise RuntimeError(f"{script}: expected its address, but it ended: {process.stderr.read().decode()}")
            yield line
        finally:
            process.kill()


def _node() -> str:
    if program := shutil.which("node"):
        return program
    raise FileNotFoundError("node: expected it on the path; `make setup` says how to install it")


def _env() -> dict[str, str]:
    return {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
