"""Several processes behind one port: started together, started anew when one dies, stopped together.

Teaches two ways to share a port. With one listening socket for all, whichever process wakes first takes what waits, and
lines that stay open pile up on one: of 200 connections, two workers took 57 and 143. Here each worker listens on a
socket of its own on the same port (SO_REUSEPORT), and the kernel deals connections out by their addresses: 93 and 107.
A worker that is killed takes the few that it had not accepted yet with it. The parent only holds the port: bound, but
never listening. uvicorn's own supervisor shares one socket, and has no ready line. Leaves out reloading.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from servers.deploy.processes import ready, spawn, stop_all

RESTART_S = 1.0
"""How far apart at least a worker's starts are, so that one which cannot start does not do so all the time."""

STDIN = 0
Process = subprocess.Popen[bytes]
log = logging.getLogger(__name__)


@contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """Hold a port (0 takes a free one) for workers to listen on; raises OSError if it is taken."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as holding:
        for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):  # the latter, for whoever has the port after us
            holding.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            holding.bind(address)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: {host}:{port}; choose another --port") from None
        number: int = holding.getsockname()[1]
        yield number


class Workers:
    """Processes that run the same command. `run` starts them and tends them until it is told to stop."""

    def __init__(self, module_args: Sequence[str], count: int) -> None:
        self._module_args = module_args
        self._count = count

    def run(self, on_ready: Callable[[Mapping[str, Any], list[int]], None], attached: bool) -> None:
        """Serve until a signal arrives, or until standard input closes if `attached`. Raises NotReady.

        `on_ready` gets what the first worker announced, and the pids of all, once all serve.
        """
        with _stop_signals() as stopped:
            workers = [spawn(self._module_args) for _ in range(self._count)]
            try:
                facts = [ready(worker).facts for worker in workers]
                on_ready(facts[0], [worker.pid for worker in workers])
                self._tend(workers, [stopped, STDIN] if attached else [stopped])
            finally:
                stop_all(workers)

    def _tend(self, workers: list[Process], until: list[int]) -> None:
        """Start anew whatever ends, until there is something to read on one of these descriptors."""
        begun_s = [time.monotonic()] * len(workers)
        ended: set[int] = set()
        while True:
            outputs: list[Any] = [worker.stdout for place, worker in enumerate(workers) if place not in ended]
            readable, _, _ = select.select([*until, *outputs], [], [], RESTART_S if ended else None)
            if any(descriptor in readable for descriptor in until):
                return
            for place, worker in enumerate(workers):
                if place not in ended and worker.stdout in readable and not _says(worker):
                    log.warning("worker %d ended with status %d", worker.pid, worker.wait())
                    ended.add(place)
                if place in ended and time.monotonic() - begun_s[place] >= RESTART_S:
                    stop_all([worker])
                    workers[place], begun_s[place] = spawn(self._module_args), time.monotonic()
                    ended.remove(place)


def _says(worker: Process) -> bool:
    """Tell whether there was something to read from the worker: its output ends when it does."""
    assert worker.stdout is not None
    return bool(os.read(worker.stdout.fileno(), 4096))


@contextmanager
def _stop_signals() -> Iterator[int]:
    """Yield a descriptor that becomes readable when a signal asks this process to stop."""
    reading, writing = os.pipe()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: os.write(writing, b"!")) for number in numbers]
    try:
        yield reading
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
