"""The counters of a server, by `GET /stats` on a connection of its own, and the sum over all workers behind one port.

Teaches that a measurement must not change what it measures: a server does not count these requests (see
`servers.wire_bytes`). And that counters need not be shared to be summed: the worker that gets the request queries the
others, each on a Unix socket in a folder of their own. Leaves out the counters of workers that have died.
"""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from servers.core.errors import Unavailable

RESPONSE_S = 10.0


def read_stats(address: str, path: str = "/stats", authority: str = "") -> dict[str, Any]:
    """Return the counters; waits for them, and raises OSError if none come, perhaps since a worker does not respond.

    authority: the file of the authority that has signed the server's certificate; empty without TLS.
    """
    host = urlsplit(address).netloc
    if authority:
        tls = ssl.create_default_context(cafile=authority)
        connection: HTTPConnection = HTTPSConnection(host, timeout=RESPONSE_S, context=tls)
    else:
        connection = HTTPConnection(host, timeout=RESPONSE_S)
    with closing(connection):
        connection.request("GET", path, headers={"Connection": "close"})
        try:
            response = connection.getresponse()
            counters: dict[str, Any] = json.load(response)
        except (HTTPException, ValueError) as error:  # it ended while it wrote them
            raise ConnectionError(f"{host}{path}: {type(error).__name__}: {error}") from error
        if response.status != HTTPStatus.OK:
            raise ConnectionError(f"{host}{path}: {response.status}: {counters}")
        return counters


QUERY_S = 5.0
Counts = Mapping[str, Any]


class WorkerStats:
    """Sums the counters of all workers; other values are equal in all of them. own: returns this worker's counters."""

    def __init__(self, folder: Path, own: Callable[[], Counts]) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}.sock"
        self._own = own

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Respond to the other workers for as long as the block runs."""
        server = await asyncio.start_unix_server(self._respond, self._path)
        try:
            yield
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    async def total(self) -> Counts:
        """Return the sum over all live workers; raises Unavailable if one does not respond."""
        others = [path for path in self._folder.glob("*.sock") if path != self._path]
        try:
            async with asyncio.timeout(QUERY_S):
                counted = await asyncio.gather(*map(_query, others))
        except TimeoutError:
            raise Unavailable(f"stats: another worker has not responded within {QUERY_S:g} s; try again") from None
        total = self._own()
        for counts in counted:
            total = summed(total, counts)
        return total

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(json.dumps(self._own()).encode())
            await writer.drain()
        writer.close()


def summed(first: Any, second: Any) -> Any:
    """Return the sum of two numbers, or of two trees of numbers; of any other values, the first."""
    if isinstance(first, Mapping):
        return {key: summed(value, second[key]) if key in second else value for key, value in first.items()}
    return first + second if isinstance(first, int | float) else first


async def _query(path: Path) -> Counts:
    """Return the counters of another worker; none if it has died, perhaps while it responded."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        with closing(writer):
            counts: Counts = json.loads(await reader.read())
            return counts
    except (OSError, ValueError):  # one that was killed has left its socket file
        return {}
