"""One message to everyone in a room: deliveries per CPU-second, over a bare `websockets` server with `broadcast()`.

Teaches what the log costs on top of the sending. Ours checks the sender, and commits the message to disk before it
pushes and acknowledges; the baseline broadcasts the very page that ours would send. With one message in flight, every
message costs a commit. With sixteen, from as many publishers, ours puts what was committed together into one page. Ours
frames a page once for all its readers (servers.shared_writes), the baseline once for each.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from loadtests.experiments.bench.calls import MARK, api_client, join_frames, log_in, open_sockets
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Target, compared
from loadtests.experiments.bench.measured_server import MeasuredServer, chat_server, running
from loadtests.experiments.bench.pairs import Leg, Pairs, Void
from loadtests.experiments.bench.readers import Message, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import TEXT, example_page
from servers.core.wire import Send, encode

IN_FLIGHT = 16
WARM_UP = 20
TARGETS = (Target(0.9, at_least=True), Target(1.0, at_least=True))  # in the smaller room, and in the larger one
LINGER_S = 0.05  # of waiting for duplicates and for messages that nobody sent
TextOf = Callable[[int], bytes]


class FanOutRoom:
    """The subscribers of one server's room. text_of: returns what publishes the message of a number, from 1."""

    def __init__(
        self, server: MeasuredServer, connections: list[BenchConnection], text_of: TextOf, acknowledges: bool
    ) -> None:
        self._server = server
        self._crowd = Crowd(connections)
        self._text_of = text_of
        self._acknowledges = acknowledges
        self._acks = self._sent = self._complete = 0
        self._arrived: list[int] = []  # at index n: how many connections have more than n messages
        self.page_bytes = 0

    def answer_pings(self) -> None:
        """Answer the pings that came while another room was measured: a server closes a connection without pongs."""
        self._crowd.run_for(LINGER_S, self._on_message)

    def deliveries_per_cpu_s(self, messages: int, in_flight: int) -> float:
        """Publish messages, at most `in_flight` at once; raises Void unless each connection gets so many."""
        self._publish(WARM_UP, in_flight)
        before_s = self._server.cpu_s()
        self._publish(messages, in_flight)
        return messages * len(self._crowd.connections) / self._server.cpu_since_s(before_s)

    def close(self) -> None:
        self._crowd.close()

    def _publish(self, messages: int, in_flight: int) -> None:
        due = self._sent + messages
        everyone = len(self._crowd.connections)
        self._arrived += [0] * messages

        def advance() -> bool:
            """Send what may be in flight now; return whether all is sent, delivered and acknowledged."""
            while self._complete < self._sent and self._arrived[self._complete] == everyone:
                self._complete += 1
            while self._sent < due and self._sent - self._complete < in_flight:
                publisher = self._crowd.connections[self._sent % in_flight]
                self._sent += 1
                publisher.send(client_frame(self._text_of(self._sent)))
            return self._complete == due and (self._acks == due or not self._acknowledges)

        self._crowd.run(self._on_message, advance)
        self._crowd.run_for(LINGER_S, self._on_message)
        if wrong := [connection for connection in self._crowd.connections if connection.messages != due]:
            raise Void(f"{len(wrong)} connections got other than {due} messages")

    def _on_message(self, connection: BenchConnection, message: Message) -> None:
        if message.body.startswith(b'{"type":"ack"'):
            self._acks += 1
        new = message.body.count(MARK)
        if new == 1:
            self.page_bytes = len(message.body)
        for nth in range(connection.messages, connection.messages + new):
            if nth >= len(self._arrived):
                raise Void(f"connection {connection.number} got a message that was never sent")
            self._arrived[nth] += 1
        connection.messages += new


@contextmanager
def ours(subscribers: int) -> Iterator[FanOutRoom]:
    """Run our server, with a room that all have joined."""
    with chat_server("raw_websocket") as server:
        with api_client(server.address) as client:
            joins = join_frames(log_in(client, subscribers))
        connections = open_sockets(server.address, "/rooms/room/socket", subscribers, joins)
        with closing(FanOutRoom(server, connections, message, acknowledges=True)) as room:
            yield room


@contextmanager
def baseline(subscribers: int) -> Iterator[FanOutRoom]:
    """Run the bare server, with everyone connected."""
    with running("loadtests.harness.baselines", "bare_websockets") as server:
        connections = open_sockets(server.address, "/", subscribers)
        with closing(FanOutRoom(server, connections, example_page, acknowledges=False)) as room:
            yield room


def message(number: int) -> bytes:
    """Return the command that has our server publish the message of that number."""
    return encode(Send(f"id-{number - 1}", TEXT, ref=number))


def legs_in(chat: FanOutRoom, bare: FanOutRoom, messages: int, in_flight: int) -> tuple[Leg, Leg]:
    """Return a leg in each room, before which the pings of both are answered."""

    def leg(room: FanOutRoom) -> float:
        chat.answer_pings()
        bare.answer_pings()
        return room.deliveries_per_cpu_s(messages, in_flight)

    return partial(leg, chat), partial(leg, bare)


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return the findings for each size of room."""
    rooms = zip(sizes.fan_out, TARGETS, strict=True)
    return [finding for room, target in rooms for finding in measure_room(sizes.pairs, *room, target)]


def measure_room(repeats: int, subscribers: int, messages: int, target: Target) -> list[BenchFinding]:
    """Return the ratios to the bare server, with one message in flight and with several."""
    one, several = Pairs(), Pairs()
    bytes_note = ""
    for _ in range(repeats):
        with ours(subscribers) as chat, baseline(subscribers) as bare:
            one.measure(*legs_in(chat, bare, messages, in_flight=1))
            several.measure(*legs_in(chat, bare, messages, in_flight=IN_FLIGHT))
            bytes_note = f"frames of {chat.page_bytes} and {bare.page_bytes} bytes"
    name = f"WebSocket fan-out to {subscribers:,}"
    over = "deliveries per CPU-second over broadcast():"
    return [
        compared(f"{name}, 1 in flight", one, target, f"{over} {one.medians()}; {bytes_note}"),
        compared(f"{name}, {IN_FLIGHT} in flight", several, target, f"{over} {several.medians()}; committed together"),
    ]
