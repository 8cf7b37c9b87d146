"""Polls that find nothing new: how many per second of its CPU time does a server serve, over a route with a constant?

Teaches what short polling pays for: nearly every poll is empty, and each still names a user, renews a lease and
compares a cursor. Both servers get the same requests, byte for byte, and give equal responses.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from loadtests.experiments.bench.calls import api_client, connect, expect, join, log_in, poll_request
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Goal, compared
from loadtests.experiments.bench.measured_server import MeasuredServer, chat_server, running
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import ANY_ACCOUNT

TARGET = Goal(0.8, at_least=True)
EMPTY = b'"events":[]'


class Pollers:
    """Connections that send the next poll as soon as the last one has its response."""

    def __init__(self, server: MeasuredServer, polls: Sequence[bytes]) -> None:
        self._server = server
        self._polls = polls
        self._crowd = Crowd(connect(server.address, len(polls)))
        self._due = self._responses = 0

    def polls_per_cpu_s(self, polls: int) -> float:
        """Send a number of polls, over all connections together; raises Void if a response holds an event."""
        self._due = polls
        self._responses = 0
        before_s = self._server.cpu_s()
        for connection in self._crowd.connections:
            self._poll(connection)
        self._crowd.run(self._on_response, lambda: self._responses >= polls)
        return polls / self._server.cpu_since_s(before_s)

    def close(self) -> None:
        self._crowd.close()

    def _on_response(self, connection: BenchConnection, response: Message) -> None:
        if EMPTY not in expect(response, 200, "poll"):
            raise Void(f"expected an empty page, got {response.body[:200]!r}")
        self._responses += 1
        if self._responses + len(self._crowd.connections) <= self._due:
            self._poll(connection)

    def _poll(self, connection: BenchConnection) -> None:
        connection.send(self._polls[connection.number])


@contextmanager
def ours(connections: int) -> Iterator[Pollers]:
    """Run our short-polling server, with everyone in the room and up to date."""
    with chat_server("short_polling") as server:
        with api_client(server.address) as client:
            accounts = log_in(client, connections)
            head = join(client, accounts)
        polls = [poll_request(server.address, user.token, head, number) for number, user in enumerate(accounts)]
        with closing(Pollers(server, polls)) as pollers:
            yield pollers


@contextmanager
def baseline(connections: int) -> Iterator[Pollers]:
    """Run the server whose response is a constant."""
    with running("loadtests.harness.baselines", "constant") as server:
        token = ANY_ACCOUNT.token
        polls = [poll_request(server.address, token, "0123abcd.1000", number) for number in range(connections)]
        with closing(Pollers(server, polls)) as pollers:
            yield pollers


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return how our polls compare with the constant's."""
    pairs = Pairs()
    for _ in range(sizes.pairs):
        with ours(sizes.poll_connections) as pollers, baseline(sizes.poll_connections) as other:
            pollers.polls_per_cpu_s(sizes.polls // 10)
            other.polls_per_cpu_s(sizes.polls // 10)
            pairs.measure(partial(pollers.polls_per_cpu_s, sizes.polls), partial(other.polls_per_cpu_s, sizes.polls))
    note = f"empty polls per CPU-second over a constant's; {pairs.medians('a CPU-second')}"
    return [compared("short polling, empty polls", pairs, TARGET, note)]
