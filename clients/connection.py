"""A client's connection to its server. The base class uses plain HTTP; each `clients.<slug>` overrides what differs.

Teaches that a transport is four methods (open, post a command, receive the next page, disconnect), and that polling
clients differ in `receive` alone. Everything above is the same for all transports: `clients.conversation`.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from contextlib import suppress

from clients.http_session import HttpSession
from clients.inbox import Inbox
from servers.core.wire import Ack, Page, Snapshot, SocketCommand

HEARTBEATS_PER_LEASE = 3


class ChatConnection(ABC):
    """Every method raises Refused or ConnectionLost.

    phase: the part of its first interval that a polling client sleeps, so that many clients do not poll in step.
    """

    def __init__(self, http: HttpSession) -> None:
        self.http = http
        self.phase = random.random()

    async def open(self, inbox: Inbox | None) -> Snapshot:
        """Join the room, or join it again and continue after the inbox's cursor."""
        return await self.http.join()

    async def post(self, command: SocketCommand) -> Ack:
        """Send a command; waits for its acknowledgement."""
        return await self.http.post(command)

    @abstractmethod
    async def receive(self, inbox: Inbox) -> Page:
        """Wait for the next page after the inbox's cursor; it may be empty."""

    async def pause(self, until: asyncio.Event, heartbeat_s: float) -> None:
        """Receive no page until the event is set. Heartbeats keep the user online; later pages bring the events."""
        while not until.is_set():
            await self.http.heartbeat()
            with suppress(TimeoutError):
                async with asyncio.timeout(heartbeat_s):
                    await until.wait()

    async def leave(self) -> None:
        """Leave the room, which frees the user's name, and disconnect."""
        try:
            await self.http.leave()
        finally:
            await self.disconnect()

    async def disconnect(self) -> None:  # noqa: B027 - polling clients have nothing to close
        """Close what `open` has opened; the user counts as online until the lease expires."""
