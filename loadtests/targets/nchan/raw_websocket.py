"""WebSocket of nchan: `locust -f loadtests/targets/nchan/raw_websocket.py --host http://127.0.0.1:8090`.

The WebSocket carries deliveries only, each with its message id by the subprotocol `ws+meta.nchan`; messages are
published by POST, so that their acknowledgement names the id under which they are delivered.
"""

from loadtests.chat_user import ChatUser
from loadtests.targets.nchan.nchan_session import NchanSession, page_of_frame, to_message_id
from loadtests.users.websocket_connection import WebSocketConnection
from servers.core.wire import Ack, Cursor, Page, Snapshot


class NchanWebsocketUser(ChatUser):
    """The server waits, for as long as the connection is open: the client only reads."""

    session_class = NchanSession

    def open(self, after: Cursor | None) -> Snapshot:
        snapshot = self.http.join()
        last_seen = to_message_id((after or snapshot.cursor).seq)
        url = f"{self.host}/socket/{self.room}?last_event_id={last_seen}".replace("http", "ws", 1)
        self.socket = WebSocketConnection(url, self.report, subprotocol="ws+meta.nchan")
        return snapshot

    def receive(self) -> Page:
        return page_of_frame(self.room, self.inbox.cursor, self.socket.receive())

    def leave(self) -> Ack:
        self.socket.close()
        return super().leave()
