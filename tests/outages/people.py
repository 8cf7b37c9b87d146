"""People who talk in one room while something happens to the servers, and what each of them saw of it.

Teaches to measure from the intended moment of a message: somebody who cannot send for two seconds has waited two
seconds, though no request took so long. The clients are the project's own, with the durations of real users.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from clients.conversation import ChatSession, log_in
from clients.http_session import Options
from servers.core.wire import Kind

SAMPLE_S = 0.02  # how often each client's connection is sampled
ACKNOWLEDGED_S = 90.0  # longer than a client retries: it gives up first, and says why


@dataclass(frozen=True, slots=True)
class Size:
    """How many people talk how often, and for how long before and after the failure.

    catch_up_s: how long to wait at most, once nobody talks any more, for what somebody has not received yet.
    """

    people: int = 8
    every_s: float = 0.5
    before_s: float = 3.0
    after_s: float = 6.0
    catch_up_s: float = 90.0


class Sent(NamedTuple):
    """One acknowledged message: when it was meant to be sent, and when its sender knew that it was kept."""

    seq: int
    intended_s: float
    acked_s: float


class Received(NamedTuple):
    """One message as a person's inbox returned it."""

    seq: int
    text: str
    at_s: float


@dataclass
class Person:
    """One client, and what its user saw.

    broken: from the sample that found the connection down to the first that found it up again, or to the last of all.
    """

    client: ChatSession
    sent: list[Sent] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    offline: list[tuple[str, float]] = field(default_factory=list)
    broken: list[tuple[float, float]] = field(default_factory=list)
    is_down: bool = False
    has_received: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def talk(self, starts_s: float, every_s: float, stopping: asyncio.Event) -> None:
        """Send a message every `every_s` seconds, or late if the last one took longer, until `stopping` is set.

        Each text is unique, so that a text that arrives twice is a duplicate, whatever its number.
        """
        turn = 0
        while not stopping.is_set():
            intended_s = starts_s + turn * every_s
            await asyncio.sleep(max(0.0, intended_s - monotonic()))
            ack = await self.client.send(f"{self.client.account.name} {turn}")
            self.sent.append(Sent(ack.seq, intended_s, monotonic()))
            turn += 1

    async def read(self) -> None:
        """Record when each message comes, and who is shown as offline."""
        async with aclosing(self.client.events()) as events:  # type: ignore[type-var]
            async for event in events:
                if event.kind is Kind.MESSAGE:
                    self.received.append(Received(event.seq, event.body, monotonic()))
                    self.has_received.set()
                elif event.kind is Kind.PRESENCE and event.body == "offline":
                    self.offline.append((event.sender, monotonic()))

    async def watch_connection(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            self.on_sample(monotonic(), self.client.connected)

    def on_sample(self, now_s: float, is_up: bool) -> None:
        """Record one sample of the connection, however long after the last one."""
        if self.is_down:
            self.broken[-1] = (self.broken[-1][0], now_s)
        elif not is_up:
            self.broken.append((now_s, now_s))
        self.is_down = not is_up

    async def progress(self) -> None:
        """Wait until a further message arrives."""
        self.has_received.clear()
        await self.has_received.wait()


@dataclass
class Crowd:
    """People who talk until they are stopped."""

    people: Sequence[Person]
    stopping: asyncio.Event
    talking: Sequence["asyncio.Task[None]"]

    async def finish(self, catch_up_s: float) -> None:
        """Let the last messages be acknowledged, then wait until everybody has all of them, at most `catch_up_s`.

        `outcome` counts what has not come by then as lost. Raises TimeoutError or
        ClientError if a message is not acknowledged.
        """
        self.stopping.set()
        async with asyncio.timeout(ACKNOWLEDGED_S):
            await asyncio.gather(*self.talking)
        sent = {message.seq for person in self.people for message in person.sent}
        with suppress(TimeoutError):
            async with asyncio.timeout(catch_up_s):
                for person in self.people:
                    while not sent <= {message.seq for message in person.received}:
                        await person.progress()


@asynccontextmanager
async def crowd(transport: str, address: str, size: Size, options: Options | None = None) -> AsyncIterator[Crowd]:
    """Have people join one room and talk, in turns that are spread over the interval; they leave at the end."""
    async with AsyncExitStack() as stack:
        people = [
            Person(await stack.enter_async_context(await log_in(transport, address, "drill", name, options=options)))
            for name in [f"Person {place}" for place in range(size.people)]
        ]
        stopping = asyncio.Event()
        now_s = monotonic()
        share_s = size.every_s / size.people
        turns = [person.talk(now_s + place * share_s, size.every_s, stopping) for place, person in enumerate(people)]
        talking = [asyncio.create_task(turn) for turn in turns]
        tasks = [asyncio.create_task(each) for person in people for each in (person.read(), person.watch_connection())]
        try:
            yield Crowd(people, stopping, talking)
        finally:
            for task in (*tasks, *talking):
                task.cancel()
            await asyncio.gather(*tasks, *talking, return_exceptions=True)
