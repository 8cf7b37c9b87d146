"""Protocol 7 without I/O: connections, frames and clock readings go in; actions for broker and sockets come out.

Teaches that without sockets and tasks a test can play a thousand clients. Leaves out the HTTP API (`api`) and
watchlists: a client that signs in with one gets an error.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from servers.pusher_service import frames
from servers.pusher_service.authorization import Authorization, Credentials
from servers.pusher_service.broker import Broker, Close, Send
from servers.pusher_service.channels import ENCRYPTED, Kind, Subscription
from servers.pusher_service.errors import ConnectionRejected, RequestDenied
from servers.pusher_service.limits import Limits, Quota

PROTOCOLS = range(5, 8)
NO_WATCHLISTS = "the sign-in succeeded, but watchlists are not served here"


@dataclass(slots=True)
class Connection:
    """One client's connection. Times are on the service's monotonic clock.

    pinged_at_s: when it got a ping that it has not answered. user_id: the user as whom it has signed in.
    """

    last_frame_at_s: float
    client_events_at_s: deque[float]
    pinged_at_s: float | None = None
    closing: bool = False
    user_id: str | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


class PusherConnections:
    """All connections of one application. `clock` is monotonic; socket ids are two random numbers and a dot."""

    def __init__(
        self,
        credentials: Credentials,
        limits: Limits,
        broker: Broker,
        quota: Quota,
        clock: Callable[[], float],
        new_socket_id: Callable[[], str],
    ) -> None:
        self._credentials = credentials
        self._limits = limits
        self._authorization = Authorization(credentials, limits)
        self._broker = broker
        self._quota = quota
        self._deliver = broker.deliver
        self._clock = clock
        self._new_socket_id = new_socket_id
        self._connections: dict[str, Connection] = {}

    def open(self, key: str, protocol: str | None) -> tuple[str, str]:
        """Admit a connection; return its socket id and the frame that greets it. Raises ConnectionRejected."""
        if key != self._credentials.key:
            raise ConnectionRejected(frames.UNKNOWN_KEY, f"unknown app key {key[:40]!a}")
        _check_protocol(protocol)
        if len(self._connections) >= self._limits.connections_max:
            raise ConnectionRejected(frames.OVER_CAPACITY, f"all {self._limits.connections_max} connections are in use")
        socket_id = self._new_socket_id()
        latest = deque[float](maxlen=self._limits.client_events_per_s)
        self._connections[socket_id] = Connection(self._clock(), latest)
        greeting = {"socket_id": socket_id, "activity_timeout": self._limits.activity_timeout_s}
        return socket_id, frames.connection_event("pusher:connection_established", greeting)

    def close(self, socket_id: str) -> None:
        """Forget a connection, however it ended, and end its subscriptions."""
        for subscription in self._connections.pop(socket_id).subscriptions.values():
            self._broker.unsubscribe(subscription)

    def handle_frame(self, socket_id: str, text: str) -> None:
        """Carry out what one frame of a client requests, or respond with an error; raises nothing."""
        connection = self._connections[socket_id]
        if connection.closing:
            return
        connection.last_frame_at_s = self._clock()
        connection.pinged_at_s = None
        try:
            self._handle(socket_id, connection, frames.decode(text, frames.Frame))
        except RequestDenied as denied:
            self._deliver(Send((socket_id,), frames.error(denied.code, str(denied))))

    def terminate(self, user_id: str) -> None:
        """Close every connection that has signed in as that user, with a code after which clients do not reconnect."""
        for socket_id, connection in self._connections.items():
            if connection.user_id == user_id and not connection.closing:
                connection.closing = True
                self._deliver(Close(socket_id, frames.UNAUTHORIZED, "terminated by the application"))

    def check_idle(self) -> None:
        """Ping clients that were silent for the activity timeout; close connections whose pong is late."""
        self._quota.begin_day()  # here, since nothing else happens at midnight
        now_s = self._clock()
        silent: list[str] = []
        overdue: list[str] = []
        for socket_id, connection in self._connections.items():
            if connection.closing:
                continue
            if connection.pinged_at_s is None:
                if now_s - connection.last_frame_at_s >= self._limits.activity_timeout_s:
                    connection.pinged_at_s = now_s
                    silent.append(socket_id)
            elif now_s - connection.pinged_at_s >= self._limits.pong_wait_s:
                connection.closing = True
                overdue.append(socket_id)
        if silent:
            self._deliver(Send(tuple(silent), frames.connection_event(frames.PING, {})))
        for socket_id in overdue:
            self._deliver(Close(socket_id, frames.NO_PONG, "no pong in time"))

    @property
    def connections_open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def _handle(self, socket_id: str, connection: Connection, frame: frames.Frame) -> None:
        match frame.event:
            case frames.PING:
                self._deliver(Send((socket_id,), frames.connection_event(frames.PONG, {})))
            case frames.PONG:
                pass
            case frames.SUBSCRIBE:
                request = frames.decode(frames.text_of(frame.data), frames.SubscribeRequest)
                subscriptions = connection.subscriptions
                subscription = self._authorization.check(socket_id, connection.user_id, subscriptions, request)
                self._broker.subscribe(subscription)
                subscriptions[request.channel] = subscription
            case frames.UNSUBSCRIBE:
                name = frames.decode(frames.text_of(frame.data), frames.SubscribeRequest).channel
                ended = connection.subscriptions.pop(name, None)
                if ended is not None:
                    self._broker.unsubscribe(ended)
            case frames.SIGN_IN:
                self._sign_in(socket_id, connection, frame)
            case name if name.startswith(frames.CLIENT_EVENT_PREFIX):
                self._publish_client_event(socket_id, connection, frame)
            case name:
                expected = "subscribe, unsubscribe, signin, ping or client-"
                raise RequestDenied(f"event {name[:40]!r} is not served here: expected {expected}")

    def _sign_in(self, socket_id: str, connection: Connection, frame: frames.Frame) -> None:
        """Sign a connection in as a user; raises RequestDenied."""
        request = frames.decode(frames.text_of(frame.data), frames.SignInRequest)
        user = self._authorization.sign_in(socket_id, request)
        if connection.user_id not in (None, user.id):
            raise RequestDenied("this connection has signed in as another user already")
        connection.user_id = user.id
        success = frames.connection_event("pusher:signin_success", {"user_data": request.user_data})
        self._deliver(Send((socket_id,), success))
        if user.watchlist is not None:
            raise RequestDenied(NO_WATCHLISTS)

    def _publish_client_event(self, socket_id: str, connection: Connection, frame: frames.Frame) -> None:
        """Publish a client's event to the others on its channel; raises RequestDenied."""
        subscription = connection.subscriptions.get(frame.channel or "")
        if subscription is None or subscription.kind not in (Kind.PRIVATE, Kind.PRESENCE):
            raise RequestDenied("client events need a private or presence channel that the sender is subscribed to")
        if subscription.channel.startswith(ENCRYPTED):
            raise RequestDenied("client events are not for encrypted channels")
        if len(frame.event) > self._limits.event_name_chars_max:
            raise RequestDenied(f"expected an event name of at most {self._limits.event_name_chars_max} characters")
        data = frames.text_of(frame.data)
        if len(data.encode()) > self._limits.data_bytes_max:
            raise RequestDenied(f"expected data of at most {self._limits.data_bytes_max} bytes")
        if self._quota.is_used_up:
            raise RequestDenied(str(self._quota), frames.OVER_QUOTA)
        self._check_rate(connection)
        self._broker.counters.client_events += 1
        user_id = subscription.member.user_id if subscription.member else None
        event = {"channel": subscription.channel, "event": frame.event, "data": data, "socket_id": socket_id}
        if user_id:
            event["user_id"] = user_id
        self._broker.note({"name": "client_event", **event})
        text = frames.event(frame.event, subscription.channel, data, user_id)
        self._broker.publish(subscription.channel, text, excluded=socket_id)

    def _check_rate(self, connection: Connection) -> None:
        """Limit the client events of any second; raises RequestDenied. A refused event does not count."""
        now_s = self._clock()
        latest = connection.client_events_at_s
        if len(latest) == latest.maxlen and now_s - latest[0] < 1.0:
            allowed = self._limits.client_events_per_s
            raise RequestDenied(f"more than {allowed} client events in a second", frames.CLIENT_EVENT_RATE)
        latest.append(now_s)


def _check_protocol(protocol: str | None) -> None:
    """Raise ConnectionRejected unless the client uses a version of the protocol that is served here."""
    if protocol is None:
        raise ConnectionRejected(frames.NO_PROTOCOL, "no protocol version: expected ?protocol=7")
    if not (protocol.isascii() and protocol.isdigit() and len(protocol) < 4):
        raise ConnectionRejected(frames.BAD_VERSION, f"expected a protocol number, got {protocol[:40]!a}")
    if int(protocol) not in PROTOCOLS:
        expected = f"expected protocol {PROTOCOLS[0]} to {PROTOCOLS[-1]}, got {protocol}"
        raise ConnectionRejected(frames.UNSUPPORTED_PROTOCOL, expected)
