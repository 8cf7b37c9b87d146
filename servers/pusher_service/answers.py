"""What the protocol answers with: sends and closes for the sockets, and the two ways to say no.

Teaches the seam between a protocol and its I/O: values that say what should happen, and nobody here who does it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """One frame for several sockets: encoded once, however many they are."""

    to: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """End one connection; the codes from 4200 on ask the client to come back at once."""

    socket_id: str
    code: int
    reason: str


Answer = Send | Close


class Refused(Exception):
    """A connection that is not accepted; the client is told `code`, which says whether trying again can help."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Denied(Exception):
    """A request on an accepted connection that is answered with `pusher:error`; the connection stays."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Counters:
    """What happened since the service started, as far as a bill or a report asks for it.

    `deliveries` counts events (of the API and of clients) per receiving socket, `presence_deliveries` likewise the
    notices of members who come and go. Greetings, pings and subscriptions are free, as at the vendor.
    """

    api_calls: int = 0
    api_queries: int = 0
    events_published: int = 0
    client_events: int = 0
    deliveries: int = 0
    presence_deliveries: int = 0
    slow_connections_closed: int = 0

    @property
    def billed_messages(self) -> int:
        """What the vendor would charge: every message in, every query, and every message out."""
        messages_in = self.api_queries + self.events_published + self.client_events
        return messages_in + self.deliveries + self.presence_deliveries
