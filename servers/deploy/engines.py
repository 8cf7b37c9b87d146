"""Run a real Redis or PostgreSQL for as long as a block lasts: for tests, comparisons and deployments on one machine.

Teaches which settings make "acknowledged" mean "on disk" (Redis syncs its log once a second unless `appendfsync always`
is set; PostgreSQL waits for the disk by default), and that an engine is a process like any other: it can be killed and
started again on the same data. The kernel ends an engine whose parent dies. Leaves out installing.
"""

import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from servers.deploy.child_process import LOOPBACK, free_port

READY_S = 30.0
STOP_S = 10.0
POLL_S = 0.02
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
REDIS_DATABASES = 4096
POSTGRESQL = ("postgres", "initdb", "createdb", "pg_isready")
PACKAGES = {
    "redis-server": "redis-server",
    **dict.fromkeys(POSTGRESQL, "postgresql"),
    "nginx": "nginx",
    "setpriv": "util-linux",
}
"""Programs needed, and the Debian package of each."""
NEEDED = {"redis": ("redis-server", "setpriv"), "postgresql": (*POSTGRESQL, "setpriv")}
"""The programs of one engine, by the scheme of its URLs."""


class NotStarted(RuntimeError):
    """An engine ended, or was not ready in time."""


def program(name: str) -> str | None:
    """Return the path of a program, or None. PostgreSQL has a folder for each version: the newest counts."""
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    elsewhere = os.pathsep.join(map(str, [*newest_first, "/usr/sbin"]))  # nginx is there, which is not on a user's PATH
    return shutil.which(name) or shutil.which(name, path=elsewhere)


def engine_of(url: str) -> str:
    """Return the engine that a URL or a name stands for: some schemes have variants, for TLS or as a short form."""
    scheme = url.partition(":")[0]
    return {"rediss": "redis", "postgres": "postgresql"}.get(scheme, scheme)


def missing(scheme: str = "") -> dict[str, str]:
    """Return the missing programs of one engine, or all of PACKAGES, each with the Debian package that contains it."""
    needed = NEEDED[scheme] if scheme else tuple(PACKAGES)
    return {name: PACKAGES[name] for name in needed if program(name) is None}


@dataclass(slots=True, eq=False)
class Engine:
    """A process on a port of its own; killed and started again, it keeps its port and its data.

    url: the address that a Store opens. fresh_url: returns the URL of a further, empty database.
    """

    command: Sequence[str]
    log: Path
    url: str
    is_ready: Callable[[], bool]
    fresh_url: Callable[[], str]
    stop_signal: signal.Signals
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """The engine's process; raises NotStarted while there is none."""
        if self._process is None:
            raise NotStarted(f"{self.url}: does not run")
        return self._process.pid

    def start(self) -> None:
        """Start the engine, and wait until it accepts requests. Raises NotStarted."""
        deadline_s = time.monotonic() + READY_S
        self._process = self._spawn()
        while not self.is_ready():
            if time.monotonic() > deadline_s:
                self.kill()
                raise NotStarted(f"{' '.join(self.command)}: did not start\n{self.log.read_text()[-2000:]}")
            # A killed predecessor may have left a lock on the data. The reason is only in the log, so every failed
            # start is repeated, until READY_S.
            if self._process.poll() is not None:
                self._process = self._spawn()
            time.sleep(POLL_S)

    def kill(self) -> None:
        """End the engine at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Have the engine end itself; kill it after STOP_S."""
        self._end(self.stop_signal)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        command = [*unprivileged(self.stop_signal), *self.command]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def redis_server(folder: Path, more: Sequence[str] = ()) -> Iterator[Engine]:
    """Run a Redis that keeps its data in `folder`, and acknowledges a write when it is on disk. Raises NotStarted.

    more: further command-line options.
    """
    give_to_engines(folder)
    port = free_port()
    options = {"port": port, "bind": LOOPBACK, "dir": folder, "databases": REDIS_DATABASES, "save": ""}
    options |= {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    numbers = itertools.count(1)
    engine = Engine(
        [_needed("redis-server"), *arguments, *more],
        folder / "redis.log",
        f"redis://{LOOPBACK}:{port}/0",
        is_ready=lambda: _response(port, b"PING\r\n") == b"+PONG\r\n",
        fresh_url=lambda: f"redis://{LOOPBACK}:{port}/{next(numbers)}",
        stop_signal=signal.SIGTERM,
    )
    yield from _running(engine)


@contextmanager
def postgres_server(folder: Path, more: Sequence[str] = ()) -> Iterator[Engine]:
    """Run a PostgreSQL that keeps its data in `folder`, made if need be. Raises NotStarted.

    more: further command-line options.
    """
    give_to_engines(folder)
    port = free_port()
    data = folder / "data"
    if not data.exists():
        run_unprivileged(
            _needed("initdb"), "-D", data, "-U", "chat", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
    address = ("-h", LOOPBACK, "-p", str(port))
    login = (*address, "-U", "chat")

    def fresh_url() -> str:
        name = f"chat_{secrets.token_hex(4)}"
        run_unprivileged(_needed("createdb"), *login, name)
        return f"postgresql://chat@{LOOPBACK}:{port}/{name}"

    engine = Engine(
        [_needed("postgres"), "-D", str(data), *address, "-k", "", "-c", "max_connections=200", *more],
        folder / "postgres.log",
        f"postgresql://chat@{LOOPBACK}:{port}/postgres",
        is_ready=lambda: subprocess.run([_needed("pg_isready"), "-q", *login], check=False).returncode == 0,
        fresh_url=fresh_url,
        stop_signal=signal.SIGINT,  # its "fast" shutdown: waits for no client
    )
    yield from _running(engine)


def give_to_engines(folder: Path) -> None:
    """Make the folder if need be, and give it to the user that the engines run as."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, user.pw_uid, user.pw_gid)


def unprivileged(at_parents_death: signal.Signals) -> list[str]:
    """Return a prefix for a command: it then does not run as root, and does not outlive this process's thread."""
    command = [_needed("setpriv"), f"--pdeathsig={at_parents_death.name.removeprefix('SIG')}"]
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        command += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*command, "--"]


def run_unprivileged(*command: str | Path) -> None:
    """Run a command to its end: as UNPRIVILEGED if this process runs as root, otherwise as the same user.

    Raises NotStarted with the command's error output if it fails.
    """
    prefixed = [*unprivileged(signal.SIGKILL), *map(str, command)]
    result = subprocess.run(prefixed, check=False, capture_output=True, text=True, cwd="/")
    if result.returncode:
        hint = f"; {UNPRIVILEGED!r} must be able to reach the folder" if os.geteuid() == 0 else ""
        raise NotStarted(f"{command[0]}: {result.stderr.strip()}{hint}")


def _running(engine: Engine) -> Iterator[Engine]:
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def _needed(name: str) -> str:
    path = program(name)
    if path is None:
        raise NotStarted(f"{name}: not found; install Debian's package {PACKAGES[name]}")
    return path


def _response(port: int, request: bytes) -> bytes:
    """Send a request to a port, and return the response; nothing if there is none."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            connection.sendall(request)
            return connection.recv(64)
    except OSError:
        return b""


ENGINES: Mapping[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "redis": redis_server,
    "postgresql": postgres_server,
}
"""The function that runs each engine, by the scheme of its URLs; several processes can share these engines."""
