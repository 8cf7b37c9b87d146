"""A thousand held polls in one room, and one message: how long until all have their response.

Teaches what the chat adds to a Starlette server whose requests wait for an `asyncio.Event`: a cursor, a lease, and a
message that is committed first. Both servers get the same requests, and give equal responses.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from statistics import median

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import BenchFinding, Target, compared
from loadtests.experiments.bench.measured_server import running
from loadtests.experiments.bench.pairs import Pairs, Void
from loadtests.experiments.bench.readers import Message
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import ANY_ACCOUNT, TEXT
from servers.core.wire import Account, Cursor, Page, Send, decode, encode

TARGET = Target(1.0)
HOLD_ALL_S = 20.0  # less than the first poll is held
SETTLE_S = 0.2  # from when the server has counted the last request until it surely holds it


class HeldPolls:
    """Connections whose polls are held, and continue from each response; and one more connection that sends."""

    def __init__(self, address: str, accounts: Sequence[Account], cursor: Cursor) -> None:
        self._address = address
        self._accounts = accounts
        self._cursor = cursor
        self._crowd = Crowd(calls.connect(address, len(accounts)))
        self._sender = Crowd(calls.connect(address, 1))
        self._responses: list[Message] = []
        self._polled = 0

    def wake_ms(self, wakes: int) -> float:
        """Return the median time from sending a message to the last response."""
        return median([self._wake_s() for _ in range(wakes)]) * 1000

    def close(self) -> None:
        self._crowd.close()
        self._sender.close()

    def _wake_s(self) -> float:
        """Have all polls held, then send; raises Void unless the response to each poll is the one message."""
        self._poll()
        send = encode(Send(f"id-{self._polled}", TEXT))
        request = calls.http_request(self._address, "POST", "/rooms/room/send", self._accounts[0].token, send)
        sent_s = time.perf_counter()
        self._sender.connections[0].send(request)
        self._crowd.run(self._on_response, lambda: len(self._responses) >= len(self._accounts))
        took_s = time.perf_counter() - sent_s
        acks: list[Message] = []
        self._sender.run(lambda _, ack: acks.append(ack), lambda: bool(acks))
        calls.expect(acks[0], 200, "send")
        if any(calls.expect(response, 200, "poll").count(calls.MARK) != 1 for response in self._responses):
            raise Void("the response to a held poll was not the one message")
        self._cursor = decode(self._responses[0].body, type=Page).cursor
        return took_s

    def _poll(self) -> None:
        """Send all polls, and wait until the server holds them."""
        self._responses.clear()
        polls = calls.poll_requests(self._address, self._accounts, self._cursor)
        for connection, poll in zip(self._crowd.connections, polls, strict=True):
            connection.send(poll)
        self._polled += len(polls)
        deadline_s = time.monotonic() + HOLD_ALL_S
        with calls.api_client(self._address) as client:
            while client.get("/stats", dict)["requests"]["receive"] < self._polled:
                if time.monotonic() > deadline_s:
                    raise Void(f"the server did not hold all polls within {HOLD_ALL_S:g} s")
        self._crowd.run_for(SETTLE_S, self._on_response)
        if self._responses:
            raise Void("a poll got its response before there was a message")

    def _on_response(self, _: BenchConnection, response: Message) -> None:
        self._responses.append(response)


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return how our time, in a room that all have joined, compares with that of a server that waits for an event."""
    pairs = Pairs()
    anybody = [ANY_ACCOUNT] * sizes.parked
    for _ in range(sizes.pairs):
        with (
            calls.joined("long_polling", sizes.parked) as (server, accounts, head),
            running("loadtests.harness.baselines", "parked_event") as baseline,
            closing(HeldPolls(server.address, accounts, head)) as polls,
            closing(HeldPolls(baseline.address, anybody, Cursor("0123abcd", 0))) as other,
        ):
            polls.wake_ms(1)
            other.wake_ms(1)
            pairs.measure(partial(polls.wake_ms, sizes.wakes), partial(other.wake_ms, sizes.wakes))
    note = f"time until all have their response; {pairs.medians('ms')}"
    return [compared(f"long polling, {sizes.parked:,} parked", pairs, TARGET, note)]
