"""A serverless host on one port of this machine: whoever asks is given an instance, for as long as a profile allows.

Teaches what stands between a client and a function: a front door that keeps its own connections, cuts each into
invocations, and answers for functions that are late, too many or dead. What crosses the wire: HTTP/1.1 and, where the
profile has them, WebSockets; `GET /host/stats` is the bill, `GET /stats` what the edge has counted. Both are the host's
own, and answer while every instance is frozen. Leaves out TLS, regions and queues: no request waits for a place.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

import h11

from servers.deploy.child_process import ChildFailed
from servers.deploy.serverless import platform_answers as platform
from servers.deploy.serverless.edge_connection import EdgeConnection, TooLarge
from servers.deploy.serverless.edge_counters import EdgeCounters
from servers.deploy.serverless.fleet import Fleet, Place, Throttled
from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.invocation import FunctionFailed, call, wants_socket
from servers.deploy.serverless.meter import Meter
from servers.deploy.serverless.profiles import Profile
from servers.serving import HttpSettings

BODY_BYTES_MAX = 4_500_000  # https://vercel.com/docs/functions/limitations
KEEP_ALIVE_S = HttpSettings().keep_alive_s
log = logging.getLogger(__name__)


class Host:
    """The front door of one function. Give `serve` to asyncio.start_server; close the fleet when done."""

    def __init__(self, fleet: Fleet, profile: Profile, meter: Meter, facts: Mapping[str, Any]) -> None:
        self._fleet = fleet
        self._profile = profile
        self._meter = meter
        self._facts = facts
        self._edge = EdgeCounters()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends, request by request."""
        wire = self._edge.wire
        wire.connections_open += 1
        wire.connections_opened += 1
        line = EdgeConnection(h11.SERVER, reader, writer, wire)
        try:
            with suppress(OSError):  # which a timeout is, too
                while await self._exchange(line) and line.next_exchange():
                    pass
        finally:
            wire.connections_open -= 1
            writer.close()

    async def _exchange(self, line: EdgeConnection) -> bool:
        """Answer the next request; False if none came, or the connection cannot go on."""
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                request = await line.hear()
                if not isinstance(request, h11.Request):
                    return False
                body = await line.hear_body(BODY_BYTES_MAX)
        except (h11.RemoteProtocolError, TooLarge) as error:
            if line.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                wrong = platform.TOO_LARGE if isinstance(error, TooLarge) else platform.BAD_REQUEST
                await line.say(*platform.page(wrong))
            return False
        self._edge.asked(request.target)
        if (told := self._told(request.target)) is not None:
            await line.say(*platform.answer(200, json.dumps(told).encode(), "application/json"))
        else:
            await self._invoke(line, request, body)
        return not line.switched

    def _told(self, target: bytes) -> dict[str, Any] | None:
        """Return what the host says of itself, if it was asked."""
        match target:
            case b"/stats":
                return {**self._facts, **self._edge.as_dict()}
            case b"/host/stats":
                bill = self._meter.as_dict(self._profile.memory_gb, self._fleet.cpu_s)
                return {**self._facts, "profile": asdict(self._profile), **bill, "pids": self._fleet.pids}
        return None

    async def _invoke(self, line: EdgeConnection, request: h11.Request, body: bytes) -> None:
        """Have a place and an answer, or say in the platform's words why not."""
        try:
            async with self._fleet.place() as place:
                await self._within_limit(line, request, body, place)
            return
        except Throttled:
            self._meter.throttled += 1
            error = platform.THROTTLED
        except (ChildFailed, FunctionFailed) as failure:
            self._meter.failures += 1
            log.warning("%s", failure)
            error = platform.FAILED
        if line.answered:
            line.hang_up()
        else:
            await line.say(*platform.page(error))

    async def _within_limit(self, line: EdgeConnection, request: h11.Request, body: bytes, place: Place) -> None:
        """Let an instance answer until the maximum duration; what is late is replaced or cut, and its instance retired.

        AWS Lambda resets the environment of an invocation that has timed out. So it is not told that its time is up.
        """
        listen = self._edge.listen if wants_socket(request) else None
        if listen and not self._profile.websockets:
            self._meter.upgrades_ignored += 1  # RFC 9110 section 7.8: who does not know an upgrade ignores it
            listen = None
        with ExitStack() as closing:
            try:
                async with asyncio.timeout(self._profile.max_duration_s) as limit:
                    self._edge.answered(await call(line, request, body, place.instance, listen, closing))
            except TimeoutError:
                if not limit.expired():
                    raise
                self._fleet.stop(place)
                await self._cut(line)
            except FunctionFailed:
                self._fleet.stop(place)
                raise

    async def _cut(self, line: EdgeConnection) -> None:
        if not line.answered:
            self._meter.timeouts += 1
            await line.say(*platform.page(platform.TIMEOUT))
            return
        self._meter.cut_sockets += line.switched
        self._meter.cut_streams += not line.switched
        line.hang_up()


@asynccontextmanager
async def hosting(
    module_args: Sequence[str],
    profile: Profile,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    facts: Mapping[str, Any] | None = None,
    chance: random.Random | None = None,
    renewable: Callable[[Callable[[], None]], None] = lambda renew: None,
) -> AsyncIterator[str]:
    """Host `python -m <module_args>` as a function on loopback until the block ends; yields the host's address.

    env is added to ours for each instance. facts: what /stats tells besides. renewable: is given what to call when the
    function has a new version. Raises OSError if the port is taken.
    """
    meter = Meter()
    fleet = Fleet(lambda: Instance(module_args, env or {}), profile, meter, chance or random.Random())
    host = Host(fleet, profile, meter, facts or {})
    renewable(fleet.renew)
    lines: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(host.serve(reader, writer))
        lines.add(task)
        task.add_done_callback(lines.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in lines:
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        await fleet.close()
