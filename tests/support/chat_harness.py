"""What every conformance test needs: servers with short durations, and clients in rooms of their own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from clients.conversation import ChatSession, log_in
from clients.http_session import Options
from servers.core.wire import Event, Kind
from servers.deploy.child_process import ChildProcess, started
from servers.transports import Transport
from tests.support.deadline import DEADLINE_S

LEASE_S = 1.5
HOLD_S = 1.0
TYPING_S = 0.5
SECRET = "conformance"
DURATIONS = ("--lease", str(LEASE_S), "--hold", str(HOLD_S), "--ping", "1", "--typing", str(TYPING_S))
"""Options of a server that set these durations."""

OPTIONS = Options(poll_s=0.05, gap_s=0.1, backoff_s=0.02, backoff_max_s=0.2)


@contextmanager
def serving(
    transport: Transport, *more: str, port: int = 0, env: Mapping[str, str] | None = None
) -> Iterator[ChildProcess]:
    """Run a server of that transport until the block ends. port: 0 for any; one that is used again is named."""
    command = ["servers", transport.slug, *DURATIONS, "--port", str(port), *more]
    with started(command, env={"CHAT_SECRET": SECRET, **(env or {})}) as running:
        yield running


@dataclass
class ChatHarness:
    """One room on one server, and the clients that a test puts into it."""

    transport: Transport
    address: str
    room: str = field(default_factory=lambda: f"room-{secrets.token_hex(4)}")
    options: Options = OPTIONS

    async def log_in(self, name: str) -> ChatSession:
        """Return a client that has not joined yet, under a name made unique."""
        return await self.log_in_as(f"{name}-{secrets.token_hex(3)}")

    async def log_in_as(self, name: str, token: str = "") -> ChatSession:
        """Return a client that has not joined yet, under just this name."""
        return await log_in(self.transport.slug, self.address, self.room, name, token, self.options)

    @asynccontextmanager
    async def joined(self, *names: str) -> AsyncIterator[list[ChatSession]]:
        """Yield clients of these users, who have joined one after the other, and leave at the end."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(await self.log_in(name)) for name in names]


async def events(client: ChatSession, count: int, *kinds: Kind) -> list[Event]:
    """Return the client's next `count` events of these kinds (of any, if none is named)."""
    found: list[Event] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(client.events()) as coming:  # type: ignore[type-var]
        async for event in coming:
            if not kinds or event.kind in kinds:
                found.append(event)
            if len(found) == count:
                return found
    raise AssertionError(f"the events ended after {found}")


async def deliver(text: str, sender: ChatSession, *recipients: ChatSession) -> None:
    """Send a text, and await that each recipient has it as the next message."""
    await sender.send(text)
    for recipient in recipients:
        assert [event.body for event in await events(recipient, 1, Kind.MESSAGE)] == [text]


async def until(client: ChatSession, holds: Callable[[], bool]) -> None:
    """Read events until a condition holds."""
    async with asyncio.timeout(DEADLINE_S), aclosing(client.events()) as coming:  # type: ignore[type-var]
        while not holds():
            await anext(coming)


def online(client: ChatSession) -> set[str]:
    """Return the names of those whom this client believes online."""
    return {member.name for member in client.view.members() if member.online}
