"""A serverless host on one port of this machine: each request gets an instance, for as long as a profile allows.

Teaches what stands between a client and a function: an edge that keeps connections open, divides each into
invocations, and sends its own error responses when functions are late, too many or dead. What crosses the wire:
HTTP/1.1 and, if the profile has them, WebSockets; `GET /host/stats` is the bill, `GET /stats` the counters of the edge.
The host responds to both itself, also while every instance is frozen. Leaves out TLS, regions and queues: no request
waits for an instance.
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

from servers.addresses import names_loopback
from servers.connection_limits import DescriptorLimit
from servers.deploy.child_process import ChildFailed
from servers.deploy.serverless import platform_responses as platform
from servers.deploy.serverless.edge_connection import EdgeConnection
from servers.deploy.serverless.edge_counters import EdgeCounters
from servers.deploy.serverless.fleet import Fleet, PooledInstance, Throttled
from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.invocation import FunctionFailed, Invocation, is_upgrade
from servers.deploy.serverless.meter import Meter
from servers.deploy.serverless.profiles import Profile
from servers.serving import HttpSettings

BODY_BYTES_MAX = 4_500_000  # https://vercel.com/docs/functions/limitations
log = logging.getLogger(__name__)


class Host:
    """The edge in front of one function. Give `serve` to asyncio.start_server; close the fleet when done."""

    def __init__(
        self, fleet: Fleet, profile: Profile, meter: Meter, facts: Mapping[str, Any], http: HttpSettings
    ) -> None:
        self._fleet = fleet
        self._profile = profile
        self._meter = meter
        self._facts = facts
        self._http = http
        self._edge = EdgeCounters()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends, request by request."""
        wire = self._edge.wire
        wire.connections_open += 1
        wire.connections_opened += 1
        connection = EdgeConnection(h11.SERVER, reader, writer, wire)
        try:
            with suppress(OSError):  # a TimeoutError is an OSError, too
                while await self._exchange(connection) and connection.next_exchange():
                    pass
        finally:
            wire.connections_open -= 1
            writer.close()

    async def _exchange(self, connection: EdgeConnection) -> bool:
        """Serve the next request; False if none came, or the connection cannot go on."""
        try:
            request = await connection.receive_request(self._http.keep_alive_s, self._http.limits.head_s)
            if not isinstance(request, h11.Request):
                return False
            body = await connection.receive_body(BODY_BYTES_MAX, self._http.limits.body_s)
        except platform.Refused as refusal:
            if connection.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await connection.send_events(*platform.page(refusal.error, {"Connection": "close"}))
                await connection.linger()
            return False
        self._edge.count_request(request.target)
        if (own := self._own_response(request)) is not None:
            await connection.send_events(*own)
        else:
            await self._invoke(Invocation(connection, request, body, self._on_frames(request)))
        return not connection.switched

    def _own_response(self, request: h11.Request) -> list[h11.Event] | None:
        """Return the host's own response, if the request was for it."""
        status, own = 200, {**self._facts}
        match request.target:
            case b"/stats":
                own |= asdict(self._edge)
            case b"/host/stats":
                bill = self._meter.as_dict(self._profile.memory_gb, self._fleet.cpu_s)
                own |= {"profile": asdict(self._profile), **bill, "pids": self._fleet.pids}
            case _:
                return None
        if not names_loopback(request.headers):
            status, own = 403, {"error": "forbidden", "detail": "Host: expected a loopback name"}
        return platform.response(status, json.dumps(own).encode(), "application/json")

    def _on_frames(self, request: h11.Request) -> Callable[[bytes], None] | None:
        """Return what counts the frames of a socket that the request opens; None if it opens none here."""
        if not is_upgrade(request):
            return None
        if not self._profile.websockets:  # RFC 9110 section 7.8: a server ignores an upgrade that it does not know
            self._meter.upgrades_ignored += 1
            return None
        return self._edge.frame_counter()

    async def _invoke(self, invocation: Invocation) -> None:
        """Get an instance and its response, or send the platform's error."""
        try:
            async with self._fleet.acquired() as pooled:
                await self._within_limit(invocation, pooled)
            return
        except Throttled:
            self._meter.throttled += 1
            error = platform.THROTTLED
        except (ChildFailed, FunctionFailed) as failure:
            self._meter.failures += 1
            log.warning("%s", failure)
            error = platform.FAILED
        if invocation.client.has_responded:
            invocation.client.abort()
        else:
            await invocation.client.send_events(*platform.page(error))

    async def _within_limit(self, invocation: Invocation, pooled: PooledInstance) -> None:
        """Let an instance respond until the maximum duration; then stop it, and end the invocation without it.

        AWS Lambda resets the environment of an invocation that has timed out. So the instance gets no signal before.
        """
        with ExitStack() as once_stopped:  # closes the connection to the instance
            try:
                async with asyncio.timeout(self._profile.max_duration_s):
                    self._edge.count_response(await invocation.run(pooled.instance, once_stopped))
            except TimeoutError:
                self._fleet.stop(pooled)
                await self._cut(invocation.client)
            except FunctionFailed:
                self._fleet.stop(pooled)
                raise

    async def _cut(self, connection: EdgeConnection) -> None:
        """Send the platform's error in place of a response, or break off one that has begun."""
        if not connection.has_responded:
            self._meter.timeouts += 1
            await connection.send_events(*platform.page(platform.TIMEOUT))
            return
        self._meter.cut_sockets += connection.switched
        self._meter.cut_streams += not connection.switched
        connection.abort()


@asynccontextmanager
async def hosting(
    module_args: Sequence[str],
    profile: Profile,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    facts: Mapping[str, Any] | None = None,
    chance: random.Random | None = None,
    http: HttpSettings | None = None,
) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Host `python -m <module_args>` as a function on loopback until the block ends.

    env is added to ours for each instance. facts: added to /stats. Yields the host's address, and what to call when the
    function has a new version. Raises OSError if the port is taken.
    """
    meter = Meter()
    fleet = Fleet(lambda: Instance(module_args, env or {}), profile, meter, chance or random.Random())
    host = Host(fleet, profile, meter, facts or {}, http or HttpSettings())
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(host.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    asyncio.get_running_loop().set_exception_handler(DescriptorLimit().handle_exception)
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", fleet.renew
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await fleet.close()
