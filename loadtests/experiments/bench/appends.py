"""Fifty clients who send over HTTP, each awaiting its acknowledgement: messages on disk per second.

Teaches what group commit gives: whatever arrives while the disk is busy shares the next commit. The baseline reads the
same request and acknowledges it without storing anything, so the ratio is the price of the log.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from loadtests.experiments.bench.calls import STRANGER, WORDS, Caller, accounts, connect, expect, http_request
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, compared
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.processes import chat_server, running
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes
from servers.core.wire import Account, Ack, Send, decode, encode


class Senders:
    """Lines that send again as soon as they have their acknowledgement."""

    def __init__(self, address: str, owners: Sequence[Account], stored: bool) -> None:
        self._address = address
        self._owners = owners
        self._stored = stored
        self._crowd = Crowd(connect(address, len(owners)))
        self._sent = self._acknowledged = self._due = 0
        self._seqs: set[int] = set()

    def acknowledged_per_s(self, messages: int) -> float:
        """Send that many in all; raises Void unless each is acknowledged as an event of its own."""
        self._due = self._sent + messages
        start_s = time.perf_counter()
        for line in self._crowd.lines:
            self._send(line)
        self._crowd.run(self._send_again, lambda: self._acknowledged == self._due)
        rate = messages / (time.perf_counter() - start_s)
        if self._stored and len(self._seqs) != self._due:
            raise Void(f"{self._due} messages were acknowledged as {len(self._seqs)} events")
        return rate

    def close(self) -> None:
        self._crowd.close_lines()

    def _send_again(self, line: BenchConnection, answer: Message) -> None:
        self._seqs.add(decode(expect(answer, 200, "send"), type=Ack).seq)
        self._acknowledged += 1
        if self._sent < self._due:
            self._send(line)

    def _send(self, line: BenchConnection) -> None:
        self._sent += 1
        body, token = encode(Send(f"id-{self._sent}", WORDS)), self._owners[line.number].token
        line.send(http_request(self._address, "POST", "/rooms/room/send", token, body))


@contextmanager
def ours(lines: int) -> Iterator[Senders]:
    """Run our short-polling server on SQLite, with a room that all have joined."""
    with chat_server("short_polling") as server:
        with closing(Caller(server.address)) as caller:
            owners = accounts(caller, lines, lines_per_user=1)
            for owner in owners:
                caller.join(owner, "room", "c")
        with closing(Senders(server.address, owners, stored=True)) as senders:
            yield senders


@contextmanager
def baseline(lines: int) -> Iterator[Senders]:
    """Run the server that acknowledges without storing."""
    with (
        running("loadtests.experiments.bench.baselines", "constant") as server,
        closing(Senders(server.address, [STRANGER] * lines, stored=False)) as senders,
    ):
        yield senders


def measure(plan: BenchSizes) -> list[Finding]:
    """Return our rate, and how it compares with that of acknowledging alone."""
    pairs = Pairs()
    for _ in range(plan.pairs):
        with ours(plan.senders) as senders, baseline(plan.senders) as other:
            senders.acknowledged_per_s(plan.appends // 10)
            other.acknowledged_per_s(plan.appends // 10)
            pairs.measure(
                partial(senders.acknowledged_per_s, plan.appends), partial(other.acknowledged_per_s, plan.appends)
            )
    name = f"SQLite appends over HTTP, {plan.senders} senders"
    rates = [pair.ours for pair in pairs.valid]
    return [
        Finding(name, "acknowledged/s", rates, note="each on disk before its acknowledgement", voids=pairs.voids),
        compared(name, pairs, None, f"over acknowledging without storing; {pairs.told('a second')}"),
    ]
