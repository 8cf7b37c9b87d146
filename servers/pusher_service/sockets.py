"""The sockets of the service: read a frame, ask the protocol what to do, and have it done.

Teaches how little I/O is left once a protocol is a state machine. A connection's next frame is read when its last one
is done with, so no client ever has more than one act under way.

What crosses the wire: text frames and close codes. Leaves out all decisions (`protocol`) and the waiting (`outbox`).
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from servers.pusher_service import answers, frames
from servers.pusher_service.exchange import Act, Exchange, Join, Leave, Publish, Unreachable
from servers.pusher_service.limits import Settings
from servers.pusher_service.outbox import Outbox, Outboxes, close_message, text_message
from servers.pusher_service.protocol import PusherConnections
from servers.socket_writer import ConnectionLost, SocketWriter

REASON_CHARS_MAX = 100  # a close frame has room for 123 bytes of reason (RFC 6455, section 5.5), and these are ASCII


class Sockets:
    """The WebSocket endpoint: one ASGI call per connection."""

    def __init__(self, relay: PusherConnections, exchange: Exchange, outboxes: Outboxes, settings: Settings) -> None:
        self._relay = relay
        self._exchange = exchange
        self._outboxes = outboxes
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept one connection and serve it until either side ends it."""
        await receive()
        line = SocketWriter(send)
        protocol = QueryParams(scope["query_string"]).get("protocol")
        with suppress(ConnectionLost):
            await line.send({"type": "websocket.accept"})
            try:
                if not self._exchange.reachable:
                    raise answers.Refused(frames.OVER_CAPACITY, "no connection to the other workers: try again soon")
                socket_id, greeting = self._relay.opened(scope["path_params"]["key"], protocol)
            except answers.Refused as refused:
                # Accepted first: a browser shows close codes only of connections that were open.
                await line.send(text_message(frames.error(refused.code, str(refused))))
                await line.send(close_message(refused.code, str(refused)[:REASON_CHARS_MAX]))
                return
            await self._converse(socket_id, greeting, line, receive)

    async def sweep(self) -> None:
        """Look for idle connections until cancelled."""
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            for answer in self._relay.tick():
                self._outboxes.deliver(answer)

    async def _converse(self, socket_id: str, greeting: str, line: SocketWriter, receive: Receive) -> None:
        patience = asyncio.timeout(None)

        def hurry() -> None:
            patience.reschedule(asyncio.get_running_loop().time() + self._settings.close_wait_s)

        outbox = Outbox(line, self._settings.backlog_messages_max, hurry)
        self._outboxes.add(socket_id, outbox)
        try:
            async with patience:
                outbox.put(text_message(greeting))
                while (message := await receive())["type"] == "websocket.receive":
                    for decided in self._relay.heard(socket_id, message.get("text") or ""):
                        await self._carry_out(decided)
        except TimeoutError:
            pass  # the client did not even take its close frame: hang up
        finally:
            self._outboxes.remove(socket_id)
            with suppress(Unreachable):  # then nobody is told now, and all workers forget the seats with this worker
                await self._exchange.leave(self._relay.closed(socket_id))

    async def _carry_out(self, decided: answers.Answer | Act) -> None:
        """Do what the protocol decided. Waits as long as the exchange does."""
        try:
            match decided:
                case Join():
                    await self._exchange.join(decided)
                case Leave():
                    await self._exchange.leave([decided.seat])
                case Publish():
                    await self._exchange.publish([decided])
                case answer:
                    self._outboxes.deliver(answer)
        except answers.Denied as denied:
            assert isinstance(decided, Join)
            self._outboxes.deliver(self._relay.denied(decided.seat, denied))
        except Unreachable:
            pass  # the relay has cut this connection off, like all others
