"""Raw WebSocket under load: `locust -f loadtests/raw_websocket.py --headless -u 10 -r 10 --host http://127.0.0.1:8000`.

Teaches that one connection carries everything: pages come by themselves, and acknowledgements between them, so each has
the reference of its message.
"""

from contextlib import closing
from itertools import count

import gevent
import msgspec
from gevent.event import AsyncResult

from loadtests.chat_user import ChatUser
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.reports import WEBSOCKET, read_as, timed
from loadtests.users.websocket_connection import WebSocketConnection
from servers.core.wire import Ack, Cursor, Join, Leave, Page, Refusal, ServerFrame, Snapshot, SocketCommand, encode

ACKNOWLEDGED_S = 10.0
LATE = f"no acknowledgement within {ACKNOWLEDGED_S:g} s"


class RawWebsocketUser(ChatUser):
    """The server waits, for as long as the connection is open: the client only reads."""

    def on_start(self) -> None:
        self.pending: dict[int, AsyncResult] = {}
        self.refs = count(1)
        super().on_start()

    def open(self, after: Cursor | None) -> Snapshot:
        for result in self.pending.values():  # those of an earlier connection
            result.set_exception(ConnectionLost("the connection broke before the acknowledgement came"))
        self.pending = {}
        url = f"{self.host}/rooms/{self.room}/socket".replace("http", "ws", 1)
        socket = WebSocketConnection(url, self.report, compress=bool(self.workload.compress))
        self.socket = self.opened.enter_context(closing(socket))
        join = Join(connection=self.http.connection, token=self.http.token, after=str(after or ""))
        with timed(self.report, WEBSOCKET, "join"):
            self.socket.send(encode(join))
            return read_as(self.socket.receive(), Snapshot)

    def post(self, command: SocketCommand) -> Ack:
        ref = next(self.refs)
        result = self.pending[ref] = AsyncResult()
        with timed(self.report, WEBSOCKET, str(command.__struct_config__.tag)):
            self.socket.send(encode(msgspec.structs.replace(command, ref=ref)))
            try:
                ack: Ack = result.get(timeout=ACKNOWLEDGED_S)
            except gevent.Timeout:
                raise ConnectionLost(LATE) from None
        return ack

    def receive(self) -> Page:
        while True:
            match read_as(self.socket.receive(), ServerFrame):
                case Page() as page:
                    return page
                case Ack() as ack:
                    self.pending.pop(ack.ref).set(ack)
                case Refusal() as refusal:
                    lost = ConnectionLost(refusal.detail, refusal.retry_after_s)
                    self.pending.pop(refusal.ref).set_exception(lost)

    def leave(self) -> Ack:
        """Leave by a frame, unless the connection is closed: the server has then released the lease already."""
        ack = Ack()
        if self.socket.is_open:
            with timed(self.report, WEBSOCKET, "leave"), gevent.Timeout(ACKNOWLEDGED_S, ConnectionLost(LATE)):
                self.socket.send(encode(Leave(connection=self.http.connection)))
                ack = self.await_left()
        self.opened.close()
        return ack

    def await_left(self) -> Ack:
        """Read on until the response to leaving, past pages that nobody needs and responses to earlier commands."""
        while True:
            match read_as(self.socket.receive(), ServerFrame):
                case Ack(ref=0) as ack:
                    return ack
                case Refusal(ref=0) as refusal:
                    raise ConnectionLost(refusal.detail, refusal.retry_after_s)
