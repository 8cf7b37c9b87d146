"""What runs of a chat: its moving parts, counted by the operating system while one person comes and speaks."""

import json
import os
import secrets
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

DEADLINE_S = 15.0

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs: server processes, endpoints that they listen on, and lines kept open.

    person_lines: of one who has come and only listens; speaker_lines: of one who has also spoken. server_lines:
    between the servers, then.
    """

    processes: int
    endpoints: int
    person_lines: int
    speaker_lines: int
    server_lines: int


def moving_parts(module: str, *, needs_push_service: bool) -> Parts:
    """Run a chat, let one person come and speak, and count; waits for both."""
    with ExitStack() as stack:
        service, env = stack.enter_context(_push_service()) if needs_push_service else (None, {})
        server = stack.enter_context(_child([module, "serve", "0"], env))
        person = stack.enter_context(_child([module, "talk", _line_of(server)], env))
        _line_of(person)
        listening = len(_lines(person))
        assert person.stdin is not None
        person.stdin.write(b"Hello!\n")
        _line_of(person)
        servers = [each for each in (server, service) if each]
        found = Parts(
            processes=len(servers),
            endpoints=sum(map(_endpoints, servers)),
            person_lines=listening,
            speaker_lines=len(_lines(person)),
            server_lines=_between(server, service) if service else 0,
        )
        person.stdin.close()  # who leaves like this says goodbye
        person.wait(DEADLINE_S)
        return found


@contextmanager
def _child(module_args: Sequence[str], env: Mapping[str, str]) -> Iterator[Child]:
    """Run `python -m <module_args>` with unbuffered pipes until the block ends."""
    command, pipe = [sys.executable, "-m", *module_args], subprocess.PIPE
    direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env={**os.environ, **direct, **env}, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _push_service() -> Iterator[tuple[Child, Mapping[str, str]]]:
    """Run the stand-in for the service; gives it, and what its customers must know."""
    env = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    with _child(["servers.pusher_service", "--port", "0", "--attached"], env) as process:
        host, _, port = json.loads(_line_of(process))["address"].removeprefix("http://").partition(":")
        yield process, {**env, "PUSHER_HOST": host, "PUSHER_PORT": port}


def _line_of(process: Child) -> str:
    """Wait for a process's next line; raises TimeoutError when it ends or stays silent."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
    line: bytes = process.stdout.readline() if readable else b""
    if not line:
        raise TimeoutError(f"{process.args!r}: expected a line within {DEADLINE_S:g} s, got none")
    return line.decode().rstrip("\n")


def _lines(process: Child) -> list[tuple[Any, Any]]:
    """Return both ends of every TCP connection that is open."""
    found = psutil.Process(process.pid).net_connections("tcp")
    return [(each.laddr, each.raddr) for each in found if each.status == psutil.CONN_ESTABLISHED]


def _endpoints(process: Child) -> int:
    found = psutil.Process(process.pid).net_connections("tcp")
    return sum(each.status == psutil.CONN_LISTEN for each in found)


def _between(one: Child, other: Child) -> int:
    ends = {local for local, _ in _lines(other)}
    return sum(remote in ends for _, remote in _lines(one))
