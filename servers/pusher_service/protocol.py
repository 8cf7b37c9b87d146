"""Protocol 7 without I/O: frames and clock readings go in, and out come frames to send, and acts for an exchange.

Teaches what a push service does for its money: it knows who is connected and who may do what. No socket and no task
appears here, so a test can play a thousand clients. How one message in becomes n messages out is an exchange's.
What crosses the wire is spelled in `frames`. Leaves out the HTTP API (`api`), sign-in, watchlists, cache channels,
webhooks and the fallbacks for browsers without WebSocket: a client that asks for one is told so.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from servers.pusher_service import frames
from servers.pusher_service.answers import Answer, Close, Counters, Denied, Refused, Send
from servers.pusher_service.channels import BadName, Kind
from servers.pusher_service.exchange import Act, Leave, Publish, Seat
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
    subscribed: dict[str, Seat] = field(default_factory=dict)


class PusherConnections:
    """All connections of one application. `clock` is monotonic; socket ids are two random numbers and a dot."""

    def __init__(
        self, credentials: Credentials, settings: Settings, clock: Callable[[], float], new_socket_id: Callable[[], str]
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._new_socket_id = new_socket_id
        self._connections: dict[str, Connection] = {}
        self.counters = Counters()
        self._subscriptions = Subscriptions(credentials, settings)

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

    def closed(self, socket_id: str) -> list[Seat]:
        """Forget a connection, however it ended; return the seats it leaves."""
        return list(self._connections.pop(socket_id).subscribed.values())

    def heard(self, socket_id: str, text: str) -> list[Answer | Act]:
        """Answer one frame of a client, or say what it does; never raises for what a client may send."""
        connection = self._connections[socket_id]
        if connection.closing:
            return []
        connection.heard_at_s = self._clock()
        connection.pinged_at_s = None
        try:
            return self._answer(socket_id, connection, frames.decode(text, frames.Frame))
        except (Malformed, BadName) as error:
            return [Send((socket_id,), frames.error(None, str(error)))]
        except Denied as denied:
            return [Send((socket_id,), frames.error(denied.code, str(denied)))]

    def denied(self, seat: Seat, denied: Denied) -> Answer:
        """Take back a subscription that the exchange refused, and answer it."""
        self._connections[seat.socket_id].subscribed.pop(seat.channel, None)
        return Send((seat.socket_id,), frames.error(denied.code, str(denied)))

    def cut_off(self, reason: str) -> list[Answer]:
        """Close every connection, since what it listened to is lost; its client comes back at once and starts over."""
        lost = {socket_id: one for socket_id, one in self._connections.items() if not one.closing}
        for connection in lost.values():
            connection.closing = True
            connection.subscribed.clear()
        return [Close(socket_id, frames.RECONNECT, reason) for socket_id in lost]

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

    def _answer(self, socket_id: str, connection: Connection, frame: frames.Frame) -> list[Answer | Act]:
        match frame.event:
            case frames.PING:
                return [Send((socket_id,), frames.signal(frames.PONG, {}))]
            case frames.PONG:
                return []
            case frames.SUBSCRIBE:
                asked = frames.decode(frames.text_of(frame.data), frames.Subscription)
                join = self._subscriptions.admit(socket_id, connection.subscribed, asked)
                connection.subscribed[asked.channel] = join.seat
                return [join]
            case frames.UNSUBSCRIBE:
                name = frames.decode(frames.text_of(frame.data), frames.Unsubscription).channel
                seat = connection.subscribed.pop(name, None)
                return [] if seat is None else [Leave(seat)]
            case name if name.startswith(frames.CLIENT_EVENT_PREFIX):
                return [self._client_event(socket_id, connection, frame)]
        raise Denied(f"event {frame.event[:40]!r} is not served here: expected subscribe, unsubscribe, ping or client-")

    def _client_event(self, socket_id: str, connection: Connection, frame: frames.Frame) -> Publish:
        """Pass a client's event on to the others on its channel; raises Malformed, Denied."""
        seat = connection.subscribed.get(frame.channel or "")
        if seat is None or seat.kind is Kind.PUBLIC:
            raise Denied("client events need a private or presence channel that the sender is subscribed to")
        if len(frame.event) > self._settings.event_name_chars_max:
            raise Denied(f"expected an event name of at most {self._settings.event_name_chars_max} characters")
        data = frames.text_of(frame.data)
        if len(data.encode()) > self._settings.data_bytes_max:
            raise Denied(f"expected data of at most {self._settings.data_bytes_max} bytes")
        self._check_rate(connection)
        self.counters.client_events += 1
        return Publish(seat.channel, frames.event(frame.event, seat.channel, data, seat.user_id), but=socket_id)

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
