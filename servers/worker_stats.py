"""What all workers behind one port have done, asked of any one of them.

Teaches that counters need not be shared to be summed: each process counts for itself, at no cost, and whoever is asked
asks its fellows, each on a Unix socket in a folder that only they know. So the sum is of now, and not of a moment ago.
Leaves out what a worker that has died had counted: it is gone with it.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

ANSWER_S = 5.0
Counts = Mapping[str, Any]


class WorkerStats:
    """`own`: what this worker has counted; numbers are summed, everything else is alike for all."""

    def __init__(self, folder: Path, own: Callable[[], Counts]) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}.sock"
        self._own = own

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer the fellows for as long as the block runs."""
        server = await asyncio.start_unix_server(self._answer, self._path)
        try:
            yield
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    async def total(self) -> Counts:
        """Return the sum over all workers that live; raises TimeoutError if one does not answer."""
        fellows = [path for path in self._folder.glob("*.sock") if path != self._path]
        async with asyncio.timeout(ANSWER_S):
            answers = await asyncio.gather(*map(_ask, fellows))
        total = self._own()
        for counts in answers:
            total = added(total, counts)
        return total

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(json.dumps(self._own()).encode())
            await writer.drain()
        writer.close()


def added(one: Counts, other: Counts) -> Counts:
    """Return the sum of two trees of numbers of the same shape."""
    return {key: _sum(value, other[key]) if key in other else value for key, value in one.items()}


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping):
        return added(one, other)
    return one + other if isinstance(one, int | float) else one


async def _ask(path: Path) -> Counts:
    """Return what a fellow has counted; nothing if it is no more."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:  # killed, so that its socket is still there
        return {}
    try:
        counts: Counts = json.loads(await reader.read() or b"{}")
        return counts
    finally:
        writer.close()
