"""Polls that learn nothing: how many does a server answer in a second of its CPU time, over a route with a constant?

Teaches what short polling pays for: nearly every poll is empty, and each still names a user, renews a lease and looks
at a cursor. Both sides are asked the same, byte for byte, and answer alike.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from loadtests.experiments.bench.calls import STRANGER, Caller, accounts, connect, expect, http_request
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, Goal, compared
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.processes import Child, chat_server, running
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes

TARGET = Goal(0.5, at_least=True)
EMPTY = b'"events":[]'


class Pollers:
    """Lines that ask again as soon as they are answered."""

    def __init__(self, server: Child, polls: Sequence[bytes]) -> None:
        self._server = server
        self._polls = polls
        self._crowd = Crowd(connect(server.address, len(polls)))
        self._due = self._answered = 0

    def polls_per_cpu_s(self, polls: int) -> float:
        """Ask that often in all; raises Void if an answer tells something."""
        self._due, self._answered = polls, 0
        before_s = self._server.cpu_s()
        for line in self._crowd.lines:
            self._ask(line)
        self._crowd.run(self._ask_again, lambda: self._answered >= polls)
        return polls / self._server.cpu_since_s(before_s)

    def close(self) -> None:
        self._crowd.close_lines()

    def _ask_again(self, line: BenchConnection, answer: Message) -> None:
        if EMPTY not in expect(answer, 200, "poll"):
            raise Void(f"expected an empty page, got {answer.body[:200]!r}")
        self._answered += 1
        if self._answered + len(self._crowd.lines) <= self._due:
            self._ask(line)

    def _ask(self, line: BenchConnection) -> None:
        line.send(self._polls[line.number])


@contextmanager
def ours(lines: int) -> Iterator[Pollers]:
    """Run our short-polling server, with everyone in the room and up to date."""
    with chat_server("short_polling") as server:
        with closing(Caller(server.address)) as caller:
            owners = accounts(caller, lines)
            snapshots = [caller.join(owner, "room", f"c{number}") for number, owner in enumerate(owners)]
        polls = [poll(server.address, str(snapshots[-1].cursor), n, owner.token) for n, owner in enumerate(owners)]
        with closing(Pollers(server, polls)) as pollers:
            yield pollers


@contextmanager
def baseline(lines: int) -> Iterator[Pollers]:
    """Run the server that answers a constant."""
    with running("loadtests.experiments.bench.baselines", "constant") as server:
        polls = [poll(server.address, "0123abcd.1000", number, STRANGER.token) for number in range(lines)]
        with closing(Pollers(server, polls)) as pollers:
            yield pollers


def poll(address: str, cursor: str, number: int, token: str) -> bytes:
    return http_request(address, "GET", f"/rooms/room/events?after={cursor}&connection=c{number}", token)


def measure(plan: BenchSizes) -> list[Finding]:
    """Return how our polls compare with the constant's."""
    pairs = Pairs()
    for _ in range(plan.pairs):
        with ours(plan.poll_lines) as pollers, baseline(plan.poll_lines) as other:
            pollers.polls_per_cpu_s(plan.polls // 10)
            other.polls_per_cpu_s(plan.polls // 10)
            pairs.measure(partial(pollers.polls_per_cpu_s, plan.polls), partial(other.polls_per_cpu_s, plan.polls))
    note = f"empty polls per CPU-second over a constant's; {pairs.told('a CPU-second')}"
    return [compared("short polling, empty polls", pairs, TARGET, note)]
