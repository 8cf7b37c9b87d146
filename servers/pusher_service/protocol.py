"""Protocol 7 without I/O: frames and clock readings go in, and out come the frames to send, each with its recipients.

Teaches what a push service does for its money: it knows who is connected, who listens where and who is present, and
turns one message in into n messages out. No socket and no task appears here, so a test can play a thousand clients.
What crosses the wire is spelled in `frames`. Leaves out the HTTP API (`api`), sign-in, watchlists, cache channels,
webhooks and the fallbacks for browsers without WebSocket: a client that asks for one is told so.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from servers.pusher_service import frames
from servers.pusher_service.answers import Answer, Close, Counters, Denied, Refused, Send
from servers.pusher_service.channels import BadName, Channels, Kind
from servers.pusher_service.frames import Malformed
from servers.pusher_service.limits import Settings
from servers.pusher_service.signatures import Credentials
from servers.pusher_service.subscriptions import Subscriptions

PROTOCOLS = range(5, 8)


@dataclass(slots=True)
class Connection:
    """One client: when it was last heard, whether a ping is out, where it listens, when it last spoke to others."""

    heard_at_s: float
    recent_events_s: deque[float]
    pinged_at_s: float | None = None
    closing: bool = False
    subscribed: dict[str, Kind] = field(default_factory=dict)


class Relay:
    """All connections of one application. `clock` is monotonic; socket ids are two random numbers and a dot."""

    def __init__(
        self, credentials: Credentials, settings: Settings, clock: Callable[[], float], new_socket_id: Callable[[], str]
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._new_socket_id = new_socket_id
        self._connections: dict[str, Connection] = {}
        self.channels = Channels()
        self.counters = Counters()
        self._subscriptions = Subscriptions(credentials, settings, self.channels, self.counters)

    def opened(self, key: str, protocol: str | None) -> tuple[str, str]:
        """Admit a connection; return its socket id and the frame that greets it. Raises Refused."""
        if key != self._credentials.key:
            raise Refused(frames.UNKNOWN_KEY, f"unknown app key {key[:40]!a}")
        _check_protocol(protocol)
        if len(self._connections) >= self._settings.connections_max:
            raise Refused(frames.OVER_CAPACITY, f"all {self._settings.connections_max} connections are in use")
        socket_id = self._new_socket_id()
        recent = deque[float](maxlen=self._settings.client_events_per_s)
        self._connections[socket_id] = Connection(self._clock(), recent)
        greeting = {"socket_id": socket_id, "activity_timeout": self._settings.activity_timeout_s}
        return socket_id, frames.signal("pusher:connection_established", greeting)

    def closed(self, socket_id: str) -> list[Answer]:
        """Forget a connection, however it ended, and tell the presence channels it was on."""
        connection = self._connections.pop(socket_id)
        return [answer for name in connection.subscribed for answer in self._subscriptions.leave(socket_id, name)]

    def heard(self, socket_id: str, text: str) -> list[Answer]:
        """Answer one frame of a client; never raises for what a client may send."""
        connection = self._connections[socket_id]
        connection.heard_at_s = self._clock()
        connection.pinged_at_s = None
        try:
            return self._answer(socket_id, connection, frames.decode(text, frames.Frame))
        except (Malformed, BadName) as error:
            return [Send((socket_id,), frames.error(None, str(error)))]
        except Denied as denied:
            return [Send((socket_id,), frames.error(denied.code, str(denied)))]

    def tick(self) -> list[Answer]:
        """Ping the clients that were silent for the activity timeout; close those that did not answer in time."""
        now_s = self._clock()
        answers: list[Answer] = []
        silent: list[str] = []
        for socket_id, connection in self._connections.items():
            if connection.closing:
                continue
            if connection.pinged_at_s is None:
                if now_s - connection.heard_at_s >= self._settings.activity_timeout_s:
                    connection.pinged_at_s = now_s
                    silent.append(socket_id)
            elif now_s - connection.pinged_at_s >= self._settings.pong_wait_s:
                connection.closing = True
                answers.append(Close(socket_id, frames.NO_PONG, "no pong in time"))
        return [Send(tuple(silent), frames.signal(frames.PING, {})), *answers] if silent else answers

    @property
    def connections_open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    @property
    def subscriptions(self) -> int:
        """How many subscriptions all connections hold together."""
        return sum(len(connection.subscribed) for connection in self._connections.values())

    def _answer(self, socket_id: str, connection: Connection, frame: frames.Frame) -> list[Answer]:
        match frame.event:
            case frames.PING:
                return [Send((socket_id,), frames.signal(frames.PONG, {}))]
            case frames.PONG:
                return []
            case frames.SUBSCRIBE:
                asked = frames.decode(frames.text_of(frame.data), frames.Subscription)
                return self._subscriptions.join(socket_id, connection.subscribed, asked)
            case frames.UNSUBSCRIBE:
                name = frames.decode(frames.text_of(frame.data), frames.Unsubscription).channel
                held = connection.subscribed.pop(name, None)
                return [] if held is None else self._subscriptions.leave(socket_id, name)
            case name if name.startswith(frames.CLIENT_EVENT_PREFIX):
                return self._client_event(socket_id, connection, frame)
        raise Denied(f"event {frame.event[:40]!r} is not served here: expected subscribe, unsubscribe, ping or client-")

    def _client_event(self, socket_id: str, connection: Connection, frame: frames.Frame) -> list[Answer]:
        """Pass a client's event on to the others on its channel; raises Malformed, Denied."""
        channel_name = frame.channel or ""
        kind = connection.subscribed.get(channel_name)
        if kind is None or kind is Kind.PUBLIC:
            raise Denied("client events need a private or presence channel that the sender is subscribed to")
        if len(frame.event) > self._settings.event_name_chars_max:
            raise Denied(f"expected an event name of at most {self._settings.event_name_chars_max} characters")
        data = frames.text_of(frame.data)
        if len(data.encode()) > self._settings.data_bytes_max:
            raise Denied(f"expected data of at most {self._settings.data_bytes_max} bytes")
        self._check_rate(connection)
        channel = self.channels.find(channel_name)
        user_id = channel.subscribers[socket_id] if channel else None
        others = self.channels.listeners(channel_name, but=socket_id)
        self.counters.client_events += 1
        self.counters.deliveries += len(others)
        return [Send(others, frames.event(frame.event, channel_name, data, user_id))] if others else []

    def _check_rate(self, connection: Connection) -> None:
        """Allow so many client events in any second; raises Denied. A refused event does not count."""
        now_s = self._clock()
        recent = connection.recent_events_s
        if len(recent) == recent.maxlen and now_s - recent[0] < 1.0:
            allowed = self._settings.client_events_per_s
            raise Denied(f"more than {allowed} client events in a second", frames.CLIENT_EVENT_RATE)
        recent.append(now_s)


def _check_protocol(protocol: str | None) -> None:
    """Raise Refused unless the client speaks a version of the protocol that is understood here."""
    if protocol is None:
        raise Refused(frames.NO_PROTOCOL, "no protocol version: expected ?protocol=7")
    if not (protocol.isascii() and protocol.isdigit() and len(protocol) < 4):
        raise Refused(frames.BAD_VERSION, f"expected a protocol number, got {protocol[:40]!a}")
    if int(protocol) not in PROTOCOLS:
        raise Refused(
            frames.UNSUPPORTED_PROTOCOL, f"expected protocol {PROTOCOLS[0]} to {PROTOCOLS[-1]}, got {protocol}"
        )
