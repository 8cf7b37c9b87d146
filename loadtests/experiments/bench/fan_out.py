"""One message to everyone in a room: deliveries per CPU-second, over a bare `websockets` server with `broadcast()`.

Teaches what the log costs on top of the sending. Ours checks the sender, stores the message, commits it to disk, and
only then pushes and acknowledges; the baseline does nothing of it, and broadcasts the very page that ours would send,
so both write frames of the same size. The publishers are among the subscribers on both sides.

With one message in flight, every message costs a commit, and every line a frame of its own. With sixteen, from as many
publishers, ours puts what was committed together into one page, which the baseline cannot. Both are reported: a room
is quiet at times, and busy at others.

`--frame-once` (servers.shared_frame) goes round ASGI for the pushes: measured too, and whether it gains a quarter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from loadtests.experiments.bench.calls import MARK, WORDS, Caller, accounts, example_page, join_frames, open_sockets
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, Goal, compared
from loadtests.experiments.bench.pairs import Leg, Pairs, Void
from loadtests.experiments.bench.processes import Child, chat_server, running
from loadtests.experiments.bench.readers import Message, client_frame
from loadtests.experiments.bench.sizes import BenchSizes, FanOutSize
from servers.core.wire import Send, encode

IN_FLIGHT = 16
WARM_UP = 20
LINGER_S = 0.05
TARGET = Goal(0.8, at_least=True)
A_QUARTER = Goal(1.25, at_least=True)


class Room:
    """Everyone's lines in one server's room, and the frame that publishes the n-th message there."""

    def __init__(
        self, server: Child, lines: list[BenchConnection], frame: Callable[[int], bytes], acknowledges: bool
    ) -> None:
        self._server = server
        self._crowd = Crowd(lines)
        self._frame = frame
        self._acknowledges = acknowledges
        self._acks = self._sent = self._complete = 0
        self._arrived: list[int] = []
        self.page_bytes = 0

    def tend(self) -> None:
        """Answer the pings that came while others were measured: a server closes a line that is silent for long."""
        self._crowd.linger(self._count, LINGER_S)

    def deliveries_per_cpu_s(self, messages: int, in_flight: int) -> float:
        """Publish, with at most that many messages on their way; raises Void unless each line gets each once."""
        self._publish(WARM_UP, in_flight)
        before_s = self._server.cpu_s()
        self._publish(messages, in_flight)
        return messages * len(self._crowd.lines) / self._server.cpu_since_s(before_s)

    def close(self) -> None:
        self._crowd.close_lines()

    def _publish(self, messages: int, in_flight: int) -> None:
        due = self._sent + messages
        self._arrived += [0] * messages

        def advance() -> bool:
            everyone = len(self._crowd.lines)
            while self._complete < self._sent and self._arrived[self._complete] == everyone:
                self._complete += 1
            while self._sent < due and self._sent - self._complete < in_flight:
                self._crowd.lines[self._sent % in_flight].send(self._frame(self._sent))
                self._sent += 1
            return self._complete == due and (self._acks == due or not self._acknowledges)

        self._crowd.run(self._count, advance)
        self._crowd.linger(self._count, LINGER_S)
        if wrong := [line.number for line in self._crowd.lines if line.messages != due]:
            raise Void(f"{len(wrong)} lines got other than {due} messages")

    def _count(self, line: BenchConnection, message: Message) -> None:
        fresh = message.body.count(MARK)
        if not fresh:
            self._acks += message.body.startswith(b'{"type":"ack"')
            return
        if fresh == 1:
            self.page_bytes = len(message.body)
        for nth in range(line.messages, line.messages + fresh):
            if nth >= len(self._arrived):
                raise Void(f"line {line.number} got a message that was never sent")
            self._arrived[nth] += 1
        line.messages += fresh


@contextmanager
def ours(subscribers: int, *options: str) -> Iterator[Room]:
    """Run our server, with a room that all have joined."""
    with chat_server("raw_websocket", *options) as server:
        with closing(Caller(server.address)) as caller:
            joins = join_frames(accounts(caller, subscribers))
        lines = open_sockets(server.address, "/rooms/room/socket", subscribers, joins)
        with closing(Room(server, lines, send, acknowledges=True)) as room:
            yield room


@contextmanager
def bare(subscribers: int) -> Iterator[Room]:
    """Run the bare server, with everyone connected."""
    with (
        running("loadtests.experiments.bench.baselines", "bare_websockets") as server,
        closing(Room(server, open_sockets(server.address, "/", subscribers), page, acknowledges=False)) as room,
    ):
        yield room


def send(nth: int) -> bytes:
    """Return the frame that publishes the n-th message on ours."""
    return client_frame(encode(Send(f"id-{nth}", WORDS, ref=nth + 1)))


def page(nth: int) -> bytes:
    """Return the frame that the bare server is to broadcast: the page that ours would make."""
    return client_frame(example_page(nth + 1))


def tended(rooms: Sequence[Room], leg: Leg) -> float:
    """Tend every room, then run a leg in one of them."""
    for room in rooms:
        room.tend()
    return leg()


def measure(plan: BenchSizes) -> list[Finding]:
    """Return what each size of room came to."""
    return [finding for size in plan.fan_out for finding in measure_size(plan.pairs, size)]


def measure_size(repeats: int, size: FanOutSize) -> list[Finding]:
    """Return one message in flight and several, over the bare server, and what framing once changes."""
    one, several, framed, gain = Pairs(), Pairs(), Pairs(), Pairs()
    people, sizes = size.subscribers, ""
    for _ in range(repeats):
        with ours(people) as asgi, ours(people, "--frame-once") as framing, bare(people) as baseline:
            for pairs, first, second, in_flight in (
                (one, asgi, baseline, 1),
                (framed, framing, baseline, 1),
                (gain, framing, asgi, 1),
                (several, asgi, baseline, IN_FLIGHT),
            ):
                legs = (partial(each.deliveries_per_cpu_s, size.messages, in_flight) for each in (first, second))
                pairs.measure(*(partial(tended, (asgi, framing, baseline), leg) for leg in legs))
            sizes = f"frames of {asgi.page_bytes} and {baseline.page_bytes} bytes"
    name, over = f"WebSocket fan-out to {people:,}, ", "deliveries per CPU-second over broadcast(): "
    return [
        compared(name + "1 in flight", one, TARGET, over + f"{one.told('')}; {sizes}"),
        compared(name + f"{IN_FLIGHT} in flight", several, TARGET, over + f"{several.told('')}; committed together"),
        compared(name + "--frame-once", framed, TARGET, over + framed.told("")),
        compared(name + "--frame-once", gain, A_QUARTER, "1 in flight, over without"),
    ]
