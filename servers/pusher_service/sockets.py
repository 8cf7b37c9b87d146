"""The sockets of the service: read a frame, ask the protocol what to send, hand it out.

Teaches how little I/O is left once a protocol is a state machine. One event becomes one ASGI message, which all its
receivers share, and is written to each without a task per send.

What crosses the wire: text frames and close codes. Leaves out all decisions (`protocol`) and the waiting (`outbox`).
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from servers.pusher_service import answers, frames
from servers.pusher_service.limits import Settings
from servers.pusher_service.outbox import Outbox, close_message, text_message
from servers.pusher_service.protocol import Relay
from servers.socket_line import LineLost, SocketLine

REASON_CHARS_MAX = 100  # a close frame has room for 123 bytes of reason (RFC 6455, section 5.5), and these are ASCII


class Sockets:
    """The WebSocket endpoint: one ASGI call per connection, and the hands of the relay."""

    def __init__(self, relay: Relay, settings: Settings) -> None:
        self._relay = relay
        self._settings = settings
        self._outboxes: dict[str, Outbox] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept one connection and serve it until either side ends it."""
        await receive()
        line = SocketLine(send)
        protocol = QueryParams(scope["query_string"]).get("protocol")
        with suppress(LineLost):
            await line.send({"type": "websocket.accept"})
            try:
                socket_id, greeting = self._relay.opened(scope["path_params"]["key"], protocol)
            except answers.Refused as refused:
                # Accepted first: a browser shows close codes only of connections that were open.
                await line.send(text_message(frames.error(refused.code, str(refused))))
                await line.send(close_message(refused.code, str(refused)[:REASON_CHARS_MAX]))
                return
            await self._converse(socket_id, greeting, line, receive)

    def carry_out(self, decided: Iterable[answers.Answer]) -> None:
        """Do what the protocol answered; never waits."""
        for answer in decided:
            if isinstance(answer, answers.Close):
                self._outboxes[answer.socket_id].close(answer.code, answer.reason)
                continue
            message = text_message(answer.text)
            for socket_id in answer.to:
                if not self._outboxes[socket_id].put(message):
                    self._relay.counters.slow_connections_closed += 1

    async def sweep(self) -> None:
        """Look for idle connections until cancelled."""
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            self.carry_out(self._relay.tick())

    async def _converse(self, socket_id: str, greeting: str, line: SocketLine, receive: Receive) -> None:
        patience = asyncio.timeout(None)

        def hurry() -> None:
            patience.reschedule(asyncio.get_running_loop().time() + self._settings.close_wait_s)

        outbox = self._outboxes[socket_id] = Outbox(line, self._settings.backlog_messages_max, hurry)
        try:
            async with patience:
                outbox.put(text_message(greeting))
                while (message := await receive())["type"] == "websocket.receive":
                    self.carry_out(self._relay.heard(socket_id, message.get("text") or ""))
        except TimeoutError:
            pass  # the client did not even take its close frame: hang up
        finally:
            outbox.stop()
            del self._outboxes[socket_id]
            self.carry_out(self._relay.closed(socket_id))
