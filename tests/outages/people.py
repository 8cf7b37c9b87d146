"""People who talk in one room while something happens to the servers, and what each of them saw of it.

Teaches to count from the moment a message was meant to be sent: who cannot send for two seconds has waited two seconds,
though no request of theirs took so long. The clients are the project's own, with the durations of real users.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from clients.conversation import ChatSession, log_in
from servers.core.wire import Event, Kind

LOOK_S = 0.02
"""How often each client is asked whether its line stands."""
ACKNOWLEDGED_S = 90.0
"""Longer than a client tries: it gives up first, and says why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One acknowledged message: when it was meant to be sent, and when its sender knew that it was kept."""

    seq: int
    intended_s: float
    acked_s: float


@dataclass
class Person:
    """One client, and what its user saw. broken: from the look that found
    its line down until the first that found it up again, or the last of all."""

    client: ChatSession
    sent: list[Sent] = field(default_factory=list)
    heard: list[tuple[int, float]] = field(default_factory=list)
    gone: list[tuple[str, float]] = field(default_factory=list)
    broken: list[tuple[float, float]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def talk(self, starts_s: float, every_s: float, enough: asyncio.Event) -> None:
        """Mean to send a message every `every_s` seconds, whatever the last one took, until it is enough."""
        turn = 0
        while not enough.is_set():
            intended_s = starts_s + turn * every_s
            await asyncio.sleep(max(0.0, intended_s - monotonic()))
            ack = await self.client.send(f"{self.client.account.name} {turn}")
            self.sent.append(Sent(ack.seq, intended_s, monotonic()))
            turn += 1

    async def listen(self) -> None:
        """Note when each message came, and who was said to be gone."""
        async with aclosing(self.client.events()) as coming:  # type: ignore[type-var]
            async for event in coming:
                self.note(event)

    async def look(self) -> None:
        """Note from when to when the line is down."""
        was_down = False
        while True:
            await asyncio.sleep(LOOK_S)
            self.note_line(monotonic(), was_down, self.client.connected)
            was_down = not self.client.connected

    def note_line(self, now_s: float, was_down: bool, is_up: bool) -> None:
        """Note one look at the line, however long after the look before."""
        if was_down:
            self.broken[-1] = (self.broken[-1][0], now_s)
        elif not is_up:
            self.broken.append((now_s, now_s))

    def note(self, event: Event) -> None:
        """Note that a message came, or that somebody is said to be gone; all else is nothing to note."""
        if event.kind is Kind.MESSAGE:
            self.heard.append((event.seq, monotonic()))
            self.news.set()
        elif event.kind is Kind.PRESENCE and event.body == "offline":
            self.gone.append((event.sender, monotonic()))


class Crowd:
    """People who talk until told that it is enough."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self._enough = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._talking: list[asyncio.Task[None]] = []

    def start(self, every_s: float) -> None:
        """Let everybody listen, and talk in turns that are spread over the interval."""
        now_s, share_s = monotonic(), every_s / len(self.people)
        self._talking = [
            asyncio.create_task(person.talk(now_s + place * share_s, every_s, self._enough))
            for place, person in enumerate(self.people)
        ]
        self._tasks = [asyncio.create_task(life) for person in self.people for life in (person.listen(), person.look())]

    async def finish(self, catch_up_s: float) -> None:
        """Let the last messages be acknowledged, then wait until everybody has heard all, though not for longer.

        What has not come after `catch_up_s` is lost, which is for `outcome` to count. Raises TimeoutError or
        ClientError if a message is not acknowledged.
        """
        self._enough.set()
        async with asyncio.timeout(ACKNOWLEDGED_S):
            await asyncio.gather(*self._talking)
        with suppress(TimeoutError):
            async with asyncio.timeout(catch_up_s):
                for person in self.people:
                    while not self._has_heard_all(person):
                        person.news.clear()
                        await person.news.wait()

    async def close(self) -> None:
        for task in (*self._tasks, *self._talking):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._talking, return_exceptions=True)

    def _has_heard_all(self, person: Person) -> bool:
        return {sent.seq for other in self.people for sent in other.sent} <= {seq for seq, _ in person.heard}


@asynccontextmanager
async def crowd(transport: str, address: str, count: int) -> AsyncIterator[Crowd]:
    """Have so many people join one room, and leave at the end."""
    async with AsyncExitStack() as stack:
        people = [
            Person(await stack.enter_async_context(await log_in(transport, address, "drill", f"Person {place}")))
            for place in range(count)
        ]
        gathered = Crowd(people)
        stack.push_async_callback(gathered.close)
        yield gathered
