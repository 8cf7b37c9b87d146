"""A thousand parked requests in one room, and one message: how long until all are answered.

Teaches what a held request costs when it is let go: over a Starlette server whose requests wait for an
`asyncio.Event`, ours looks at a cursor, holds a lease, counts, and commits the message first. The time runs from the
sending of the message to the last answer. Both sides are asked the same, byte for byte, and answer alike.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from statistics import median

from loadtests.experiments.bench.calls import MARK, STRANGER, WORDS, Caller, accounts, connect, expect, http_request
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, Goal, compared
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.processes import chat_server, running
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes
from servers.core.wire import Account, Ack, Page, Send, decode

TARGET = Goal(1.15)
PARK_S = 20.0
SETTLE_S = 0.2  # from when the server has counted the last request until it surely waits


class Parking:
    """Lines that ask, wait for the answer, and ask again from there; and one more that sends."""

    def __init__(self, caller: Caller, owners: Sequence[Account], cursor: str) -> None:
        self._caller = caller
        self._owners = owners
        self._cursor = cursor
        self._crowd = Crowd(connect(caller.address, len(owners)))
        self._answers: list[Message] = []
        self._asked = 0

    def wake_ms(self, wakes: int) -> float:
        """Return the median time from the sending of a message to the last answer."""
        return median([self._wake_s() for _ in range(wakes)]) * 1000

    def close(self) -> None:
        self._crowd.close_lines()

    def _wake_s(self) -> float:
        """Park everyone, then let everyone go; raises Void unless each is answered with the one message."""
        self._park()
        wish = Send(f"id-{self._asked}", WORDS)
        sent_s = time.perf_counter()
        self._caller.say("POST", "/rooms/room/send", self._owners[0].token, wish)
        self._crowd.run(self._keep, lambda: len(self._answers) >= len(self._owners))
        took_s = time.perf_counter() - sent_s
        self._caller.hear(Ack)
        if any(expect(answer, 200, "poll").count(MARK) != 1 for answer in self._answers):
            raise Void("a parked request was answered with other than the one message")
        self._cursor = str(decode(self._answers[0].body, type=Page).cursor)
        return took_s

    def _park(self) -> None:
        self._answers.clear()
        for line, owner in zip(self._crowd.lines, self._owners, strict=True):
            path = f"/rooms/room/events?after={self._cursor}&connection=c{line.number}"
            line.send(http_request(self._caller.address, "GET", path, owner.token))
        self._asked += len(self._owners)
        deadline_s = time.monotonic() + PARK_S
        while self._caller.call("GET", "/stats", dict)["requests"]["receive"] < self._asked:
            if time.monotonic() > deadline_s:
                raise Void(f"not all requests were parked within {PARK_S:g} s")
        self._crowd.linger(self._keep, SETTLE_S)
        if self._answers:
            raise Void("a request was answered before there was a message")

    def _keep(self, _: BenchConnection, answer: Message) -> None:
        self._answers.append(answer)


@contextmanager
def ours(lines: int) -> Iterator[Parking]:
    """Run our long-polling server, with a room that all have joined."""
    with chat_server("long_polling") as server, closing(Caller(server.address)) as caller:
        owners = accounts(caller, lines)
        snapshots = [caller.join(owner, "room", f"c{number}") for number, owner in enumerate(owners)]
        with closing(Parking(caller, owners, str(snapshots[-1].cursor))) as parking:
            yield parking


@contextmanager
def baseline(lines: int) -> Iterator[Parking]:
    """Run the server that waits for an event."""
    with (
        running("loadtests.experiments.bench.baselines", "parked_event") as server,
        closing(Caller(server.address)) as caller,
        closing(Parking(caller, [STRANGER] * lines, "0123abcd.0")) as parking,
    ):
        yield parking


def measure(plan: BenchSizes) -> list[Finding]:
    """Return how our time compares with the baseline's."""
    pairs = Pairs()
    for _ in range(plan.pairs):
        with ours(plan.parked) as parking, baseline(plan.parked) as other:
            parking.wake_ms(1)
            other.wake_ms(1)
            pairs.measure(partial(parking.wake_ms, plan.wakes), partial(other.wake_ms, plan.wakes))
    note = f"time until all are answered; {pairs.told('ms')}"
    return [compared(f"long polling, {plan.parked:,} parked", pairs, TARGET, note)]
