"""Real engines for tests: one Redis and one PostgreSQL in each pytest process, an empty database for each test."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from typing import TypeVar

from servers.core.errors import Unavailable
from servers.deploy import engines
from servers.deploy.empty_database import engine_folder
from servers.deploy.engines import ENGINES, Engine
from tests.support.deadline import DEADLINE_S

INSTALL = "apt-get update && apt-get install -y --no-install-recommends"
Value = TypeVar("Value")


def what_is_missing() -> str:
    """Return a message that names the missing programs of the engines and what installs them; "" if none is missing."""
    missing = engines.missing()
    if not missing:
        return ""
    packages = " ".join(sorted(set(missing.values())))
    return (
        f"These tests start real engines, and this machine lacks: {', '.join(sorted(missing))}.\n"
        f"This installs them (Debian, as root):\n  {INSTALL} {packages}"
    )


async def answered(request: Callable[[], Awaitable[Value]]) -> Value:
    """Repeat a request until the store answers again; return its result. Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(Unavailable):
                return await request()
            await asyncio.sleep(0.05)


def psql(url: str, statements: str) -> None:
    """Execute SQL in one transaction; raises CalledProcessError."""
    command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", statements]
    subprocess.run(command, check=True, timeout=DEADLINE_S, capture_output=True)


class Engines:
    """Starts each engine once, when its first database is requested."""

    def __init__(self) -> None:
        self._running: dict[str, Engine] = {}
        self._stack = ExitStack()

    def fresh_url(self, scheme: str) -> str:
        """Return the URL of an empty database of that engine."""
        if scheme not in self._running:
            folder = self._stack.enter_context(engine_folder())
            self._running[scheme] = self._stack.enter_context(ENGINES[scheme](folder))
        return self._running[scheme].fresh_url()

    def close(self) -> None:
        for engine in self._running.values():
            engine.kill()  # its data is temporary, so it need not shut down cleanly
        self._stack.close()
