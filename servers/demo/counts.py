"""What a lane has cost, by its servers' own counters: `GET /stats`, without the cost of reading them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import asdict

RESPONSE_S = 5.0


class Counts(Struct, frozen=True):
    """What has added up so far. Bytes are TCP payload, seen from the browser; published: from the API to the service.

    connections: how many carry a request or a WebSocket now. billed_messages: what a push service of our own counts as
    its vendor does.
    """

    requests: int = 0
    empty_answers: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    published_bytes: int = 0
    billed_messages: int = 0
    connections: int = 0

    def __add__(self, earlier: Self) -> Self:
        return self._combined(earlier, 1)

    def __sub__(self, start: Self) -> Self:
        return self._combined(start, -1)

    def _combined(self, other: Self, sign: int) -> Self:
        """Return what adds up; the busy connections are those of now."""
        sums = {name: value + sign * getattr(other, name) for name, value in asdict(self).items()}
        return type(self)(**{**sums, "connections": self.connections})


class Stats:
    """The counters of one server, read on a connection of its own each time, whose cost is subtracted.

    One reading at a time: the server has counted a part of every other that is under way, and nobody knows which part.
    """

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._host, self._port = url.hostname, url.port
        self._sent_bytes = self._received_bytes = 0
        self._reading = asyncio.Lock()

    async def read(self) -> dict[str, Any]:
        """Wait for the counters. Raises OSError, TimeoutError or ValueError if none come."""
        async with self._reading:
            sent_bytes, received_bytes = self._sent_bytes, self._received_bytes
            stats = await self._fetch("/stats")
        stats["wire"]["http"]["received"] -= sent_bytes + len(self._request("/stats"))
        stats["wire"]["http"]["sent"] -= received_bytes  # the server counts a response only after it was made
        return stats

    async def fetch(self, path: str) -> dict[str, Any]:
        """Return the response to any GET, on a connection of its own; raises like `read`."""
        async with self._reading:
            return await self._fetch(path)

    async def _fetch(self, path: str) -> dict[str, Any]:
        request = self._request(path)
        async with asyncio.timeout(RESPONSE_S):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(request)
                response = await reader.read()
            finally:
                writer.close()
        self._sent_bytes += len(request)
        self._received_bytes += len(response)
        body: dict[str, Any] = json.loads(response.partition(b"\r\n\r\n")[2])
        return body

    def _request(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nConnection: close\r\n\r\n".encode()


def counted(api: Mapping[str, Any], service: Mapping[str, Any] | None) -> Counts:
    """Return what the API's counters say, and those of a push service of our own."""
    wires = [api["wire"]["http"], api["wire"]["websocket"], *([service["wire"]["websocket"]] if service else [])]
    return Counts(
        requests=sum(api["requests"].values()),
        empty_answers=api["empty_answers"],
        up_bytes=sum(wire["received"] for wire in wires),
        down_bytes=sum(wire["sent"] for wire in wires),
        published_bytes=sum(service["wire"]["http"].values()) if service else 0,
        billed_messages=service["billed_messages"] if service else 0,
        connections=api["wire"]["connections_busy"] + (service["connections_open"] if service else 0),
    )


class Plan(Struct, frozen=True):
    """What the plan of a push service of our own allows, and how many connections it has now."""

    messages_a_day: int
    connections: int
    connections_open: int


def planned(service: Mapping[str, Any]) -> Plan:
    """Return the plan that a push service's counters state."""
    plan = service["plan"]
    return Plan(plan["messages_a_day"], plan["connections"], service["connections_open"])


class Bill(Struct, frozen=True):
    """What a serverless host has metered since it began: seconds billed, calls cut at the limit, and calls refused."""

    function_s: float
    cold_starts: int
    cuts: int
    refused: int


def billed(meter: Mapping[str, Any]) -> Bill:
    """Return the bill of a host's meter."""
    return Bill(
        function_s=round(meter["instance_busy_s"], 1),
        cold_starts=meter["cold_starts"],
        cuts=meter["timeouts"] + meter["cut_streams"] + meter["cut_sockets"],
        refused=meter["throttled"] + meter["upgrades_ignored"],
    )
