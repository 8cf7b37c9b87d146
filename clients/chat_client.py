"""What a chat client can do, whatever the transport; and what a transport must do for it.

Teaches that a transport is four verbs: open the line, post a command, receive the next page, close. Each module
`clients.<slug>` has one class `Connection` with just these; everything else is the same for all
(`clients.conversation`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, Self

from clients.inbox import Inbox
from servers.core.wire import Ack, Event, Member, Page, Snapshot, SocketCommand


@dataclass(frozen=True, slots=True)
class Options:
    """Durations in seconds. poll_s: a poller sleeps this long after each answer, from a random phase.

    answer_s: how long an answer may take; hold_s: how much longer a held one may. gap_s: how long a missing event may
    take to arrive by itself before the client reads. backoff_s and backoff_max_s: first and longest pause between
    attempts to reconnect.
    """

    poll_s: float = 2.0
    answer_s: float = 10.0
    hold_s: float = 60.0
    gap_s: float = 0.25
    backoff_s: float = 0.1
    backoff_max_s: float = 5.0


class ChatConnection(Protocol):
    """One client's line to the server. Every method raises Refused or ConnectionLost."""

    async def open(self, inbox: Inbox | None) -> Snapshot:
        """Join the room, or come back to it and read on from the inbox's cursor."""
        ...

    async def post(self, command: SocketCommand) -> Ack:
        """Have a command carried out; waits for the acknowledgement."""
        ...

    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page after the inbox's cursor, which may turn out empty."""
        ...

    async def close(self) -> None:
        """Leave the room and let go of the line; never raises for a line that is down."""
        ...


class ChatClient(Protocol):
    """One user in one room. An async context manager: entering joins, leaving leaves."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    async def send(self, text: str, client_id: str | None = None) -> Ack:
        """Send a message; return its sequence number and time once it is committed. Retries under one client_id."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """Yield every event after the joining, in order, each once. Waits; ends when the client is closed."""
        ...

    async def typing(self, active: bool = True) -> None:
        """Tell the others that the user types, or has stopped."""
        ...

    async def mark_read(self, up_to: int) -> None:
        """Tell the others that the user has read everything up to and including seq `up_to`."""
        ...

    async def history(self, before: int, limit: int = 50) -> list[Event]:
        """Return the last `limit` messages below seq `before`, oldest first."""
        ...

    def members(self) -> list[Member]:
        """Return who is online and offline, as far as this client has been told."""
        ...
