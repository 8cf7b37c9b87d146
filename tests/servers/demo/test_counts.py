"""Reading a server's counters costs nothing of what they count."""

import asyncio
import json
from typing import Any

from servers.demo.counts import Stats


async def test_simultaneous_readings_are_not_counted() -> None:
    counted = {"received": 0, "sent": 0}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted["received"] += len(await reader.readuntil(b"\r\n\r\n"))
        response = b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"wire": {"http": counted}}).encode()
        counted["sent"] += len(response)
        writer.write(response)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        stats = Stats(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        readings: list[dict[str, Any]] = await asyncio.gather(*(stats.read() for _ in range(4)))
    assert [reading["wire"]["http"] for reading in readings] == [{"received": 0, "sent": 0}] * 4
