"""Polls that find nothing new: how many per second of its CPU time does a server serve, over a route with a constant?

Teaches what short polling pays for: nearly every poll is empty, and each still names a user, renews a lease and
compares a cursor. Both servers get the same requests, byte for byte, and give equal responses.
"""

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from loadtests.experiments.bench.calls import connect, expect, joined, poll_requests
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Target, compared
from loadtests.experiments.bench.measured_server import MeasuredServer, running
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import ANY_ACCOUNT
from servers.core.wire import Account, Cursor

TARGET = Target(0.8, at_least=True)
EMPTY = b'"events":[]'
BASELINE_HEAD = Cursor("0123abcd", 1000)  # where the constant page ends


class Pollers:
    """Connections that send the next poll as soon as the last one has its response."""

    def __init__(self, server: MeasuredServer, accounts: Sequence[Account], cursor: Cursor) -> None:
        self._server = server
        self._polls = poll_requests(server.address, accounts, cursor)
        self._crowd = Crowd(connect(server.address, len(accounts)))
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


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return how our polls, from everyone in a room and up to date, compare with the constant's."""
    pairs = Pairs()
    anybody = [ANY_ACCOUNT] * sizes.poll_connections
    for _ in range(sizes.pairs):
        with (
            joined("short_polling", sizes.poll_connections) as (server, accounts, head),
            running("loadtests.harness.baselines", "constant") as baseline,
            closing(Pollers(server, accounts, head)) as pollers,
            closing(Pollers(baseline, anybody, BASELINE_HEAD)) as other,
        ):
            pollers.polls_per_cpu_s(sizes.polls // 10)
            other.polls_per_cpu_s(sizes.polls // 10)
            pairs.measure(partial(pollers.polls_per_cpu_s, sizes.polls), partial(other.polls_per_cpu_s, sizes.polls))
    note = f"empty polls per CPU-second over a constant's; {pairs.medians('a CPU-second')}"
    return [compared("short polling, empty polls", pairs, TARGET, note)]
