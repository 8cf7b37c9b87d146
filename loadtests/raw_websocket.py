"""Raw WebSocket under load: `locust -f loadtests/raw_websocket.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that one open line carries everything: pages come by themselves, and acknowledgements between them, so each
says which message it answers. What crosses the wire: one handshake and a `join` per user, then a frame for each message
sent, acknowledged or delivered.
"""

from itertools import count

import gevent
import msgspec
from gevent.event import AsyncResult

from loadtests.chat_user import ChatUser
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.reports import WEBSOCKET, read_as, timed
from loadtests.users.websocket_connection import WebSocketConnection
from servers.core.wire import (
    Ack,
    Cursor,
    Join,
    Leave,
    Page,
    Refusal,
    Snapshot,
    SocketAnswer,
    SocketCommand,
    encode,
)

ACKNOWLEDGED_S = 10.0


class RawWebsocketUser(ChatUser):
    """The server waits, for as long as the line is open: the client only listens."""

    def on_start(self) -> None:
        self.answers: dict[int, AsyncResult] = {}
        self.refs = count(1)
        super().on_start()

    def open(self, after: Cursor | None) -> Snapshot:
        for answer in self.answers.values():  # those of an earlier line
            answer.set_exception(ConnectionLost("the line broke before the acknowledgement came"))
        self.answers = {}
        self.line = WebSocketConnection(f"{self.host}/rooms/{self.room}/socket".replace("http", "ws", 1), self.report)
        with timed(self.report, WEBSOCKET, "join"):
            self.line.say(encode(Join(connection=self.http.connection, token=self.http.token, after=str(after or ""))))
            return read_as(self.line.hear(), Snapshot)

    def post(self, command: SocketCommand) -> Ack:
        ref = next(self.refs)
        answer = self.answers[ref] = AsyncResult()
        with timed(self.report, WEBSOCKET, str(command.__struct_config__.tag)):
            self.line.say(encode(msgspec.structs.replace(command, ref=ref)))
            try:
                acknowledged: Ack = answer.get(timeout=ACKNOWLEDGED_S)
            except gevent.Timeout:
                raise ConnectionLost(f"no acknowledgement within {ACKNOWLEDGED_S:g} s") from None
        return acknowledged

    def receive(self) -> Page:
        while True:
            match read_as(self.line.hear(), SocketAnswer):
                case Page() as page:
                    return page
                case Ack() as ack:
                    self.answers.pop(ack.ref).set(ack)
                case Refusal() as refusal:
                    self.answers.pop(refusal.ref).set_exception(ConnectionLost(refusal.detail))

    def leave(self) -> Ack:
        with timed(self.report, WEBSOCKET, "leave"):
            self.line.say(encode(Leave(connection=self.http.connection)))
            while not isinstance(answer := read_as(self.line.hear(), SocketAnswer), Ack):
                pass  # pages: nobody listens any more
        self.line.close()
        return answer
