"""A serverless host on one port of this machine: each request gets an instance, for as long as a profile allows.

Teaches what stands between a client and a function: an edge that keeps connections open, makes an invocation of each
request, and sends its own error responses when functions are late, too many or dead. What crosses the wire: HTTP/1.1
and, if the profile has them, WebSockets; `GET /host/stats` is the bill, `GET /stats` the counters of the edge. Leaves
out TLS, regions and queues: no request waits for an instance.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from servers.addresses import names_loopback
from servers.connection_limits import DescriptorLimit
from servers.deploy.child_process import LOOPBACK, ChildFailed
from servers.deploy.serverless import edge_client as platform
from servers.deploy.serverless.edge_client import Client, EdgeHttp, EdgeSocket
from servers.deploy.serverless.fleet import Fleet, PooledInstance
from servers.deploy.serverless.instance import Instance
from servers.deploy.serverless.invocation import FunctionFailed, Invocation
from servers.deploy.serverless.meter import EdgeCounters, Meter
from servers.deploy.serverless.profiles import Profile
from servers.listening_sockets import require_free
from servers.serving import HttpSettings, configuration, listening

BODY_BYTES_MAX = 4_500_000  # https://vercel.com/docs/functions/limitations
NO_STORE = {"Cache-Control": "no-store"}
log = logging.getLogger(__name__)


class Host:
    """The edge in front of one function, an ASGI application. Close the fleet when done. facts: added to /stats."""

    def __init__(self, fleet: Fleet, profile: Profile, meter: Meter, facts: Mapping[str, Any]) -> None:
        self._fleet = fleet
        self._profile = profile
        self._meter = meter
        self._facts = facts
        self.edge = EdgeCounters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: count it, and have the host itself or an instance respond."""
        client = Client(scope, receive, send)
        try:
            body = await self._receive(client)
            self.edge.count_request(scope["raw_path"])
            own = self._own_response(client)
            if own is not None:
                await client.respond(own)
            else:
                opens_socket = client.is_socket and self._profile.websockets
                if client.is_socket and not opens_socket:  # RFC 9110 section 7.8 allows to ignore an upgrade
                    self._meter.upgrades_ignored += 1
                with self.edge.wire.busy():
                    await self._invoke(Invocation(client, body, opens_socket, self.edge.count_command))
        except platform.Refused as refusal:
            await client.fail(refusal.error)
        except ClientDisconnect:  # nobody is there to respond to
            pass

    async def _receive(self, client: Client) -> bytes:
        """Return a request's whole body; raises Refused, or ClientDisconnect if it ends early."""
        if client.is_socket:
            await client.receive()  # "websocket.connect"
            return b""
        body = bytearray()
        async for chunk in Request(client.scope, client.receive).stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise platform.Refused(platform.TOO_LARGE)
        return bytes(body)

    def _own_response(self, client: Client) -> Response | None:
        """Return the host's own response, if the request was for it."""
        match client.target:
            case b"/stats":
                own = {**self._facts, **asdict(self.edge)}
            case b"/host/stats":
                bill = self._meter.as_dict(self._profile.memory_gb, self._fleet.cpu_s)
                own = {**self._facts, "profile": asdict(self._profile), **bill, "pids": self._fleet.pids}
            case _:
                return None
        if not names_loopback(client.scope["headers"]):
            return JSONResponse({"error": "forbidden", "detail": "Host: expected a loopback name"}, 403, NO_STORE)
        return JSONResponse(own, headers=NO_STORE)

    async def _invoke(self, invocation: Invocation) -> None:
        """Get an instance and its response, or send the platform's error. Raises Refused."""
        try:
            async with self._fleet.acquired() as pooled:
                end = await self._within_limit(invocation, pooled)
            for message in end:
                await invocation.client.send(message)
        except (ChildFailed, FunctionFailed) as failure:
            self._meter.failures += 1
            log.warning("%s", failure)
            await invocation.client.fail(platform.FAILED)

    async def _within_limit(self, invocation: Invocation, pooled: PooledInstance) -> list[Message]:
        """Let an instance respond until the maximum duration; return the end of its response, still to be sent.

        An instance that takes longer is stopped, and the host ends the invocation. As with AWS Lambda, which resets the
        environment of an invocation that has timed out, the instance gets no warning: its connection is closed only
        when it has been stopped.
        """
        running = asyncio.create_task(invocation.run(pooled.instance.port))
        try:
            await asyncio.wait([running], timeout=self._profile.max_duration_s)
            if running.done():
                end = running.result()
                self.edge.count_response(b"".join(message.get("body", b"") for message in end))
                return end
            self._fleet.stop(pooled)
        except FunctionFailed:
            self._fleet.stop(pooled)
            raise
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await self._cut(invocation.client)
        return []

    async def _cut(self, client: Client) -> None:
        """Count a response that is late, and end it."""
        if not client.has_responded:
            self._meter.timeouts += 1
        elif client.is_socket:
            self._meter.cut_sockets += 1
        else:
            self._meter.cut_streams += 1
        await client.fail(platform.TIMEOUT)


@asynccontextmanager
async def hosting(
    module_args: Sequence[str],
    profile: Profile,
    env: Mapping[str, str] | None = None,
    port: int = 0,
    facts: Mapping[str, Any] | None = None,
    rng: random.Random | None = None,
    http: HttpSettings | None = None,
) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Host `python -m <module_args>` as a function on loopback until the block ends.

    env is added to ours for each instance. facts: added to /stats. Yields the host's address, and what to call when the
    function has a new version. Raises OSError if the port is taken.
    """
    require_free(LOOPBACK, port)
    meter = Meter()
    descriptors = DescriptorLimit()
    asyncio.get_running_loop().set_exception_handler(descriptors.handle_exception)
    fleet = Fleet(lambda: Instance(module_args, env or {}), profile, meter, rng or random.Random())
    host = Host(fleet, profile, meter, facts or {})
    config = configuration(
        host, host.edge.wire, LOOPBACK, port, http or HttpSettings(), descriptors, EdgeHttp, EdgeSocket
    )
    async with listening(config, ServerState()) as server:
        try:
            yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}", fleet.renew
        finally:
            server.close()
            await fleet.close()
