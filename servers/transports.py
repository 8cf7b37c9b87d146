"""The registry: what tells the transports apart, one row each.

Everything that must treat the transports alike (servers, clients, load tests, conformance suite, charts, tables)
walks over this table, and finds the module of a transport by its slug: `servers.<slug>`, `clients.<slug>`,
`loadtests.<slug>`. A new transport is one new row and those three files.
"""

from dataclasses import dataclass
from enum import StrEnum

RENTED, LOCAL_STAND_IN = "rented", "local stand-in"
"""Whose push service the Pusher adapter publishes through."""


class Reads(StrEnum):
    """How a client asks for what is new: theory predicts a transport from this."""

    POLL = "poll"  # again and again, with a pause after every answer
    HELD = "held"  # again after every answer, which the server holds back until there is news
    ONCE = "once"  # when the line is opened; from then on it is told


class Commands(StrEnum):
    """How a client's commands (send, type, mark read, leave) reach the server."""

    POST = "post"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Transport:
    """One way for a client to learn of new events.

    slug: module name in `servers`, `clients` and `loadtests`. colour: hex, 4.5:1 on white.
    who_waits and explanation: for humans. needs_push_service: the API publishes to one, and clients keep their lease
    by heartbeats. is_name: the label keeps its capital within a sentence. is_addition: beyond the four that the project
    set out to compare; tables and charts say so.
    """

    slug: str
    label: str
    colour: str
    who_waits: str
    explanation: str
    reads: Reads
    commands: Commands
    needs_push_service: bool = False
    is_name: bool = False
    is_addition: bool = False

    def label_for(self, push_service: str) -> str:
        """Return the label for tables and charts: what was added says so, and so does a push service not rented."""
        if self.needs_push_service and push_service != RENTED:
            return f"{self.label} ({LOCAL_STAND_IN})"
        return f"{self.label} (added)" if self.is_addition else self.label


TRANSPORTS: tuple[Transport, ...] = (
    Transport(
        slug="short_polling",
        label="Short polling",
        colour="#C25400",
        who_waits="the client, between questions",
        explanation="The client asks every few seconds, and most answers are empty.",
        reads=Reads.POLL,
        commands=Commands.POST,
    ),
    Transport(
        slug="long_polling",
        label="Long polling",
        colour="#9A6A00",
        who_waits="the server, for one answer",
        explanation="The server holds each question until there is something to tell.",
        reads=Reads.HELD,
        commands=Commands.POST,
    ),
    Transport(
        slug="raw_websocket",
        label="Raw WebSocket",
        colour="#0072B2",
        who_waits="the server, for as long as the line is open",
        explanation="One line stays open, and both sides speak on it whenever they like.",
        reads=Reads.ONCE,
        commands=Commands.FRAMES,
    ),
    Transport(
        slug="pusher_adapter",
        label="Pusher adapter",
        colour="#007A5A",
        who_waits="somebody else's server",
        explanation="The API publishes each event to a push service, which keeps the lines open.",
        reads=Reads.ONCE,
        commands=Commands.POST,
        needs_push_service=True,
        is_name=True,
    ),
    Transport(
        slug="server_sent_events",
        label="Server-Sent Events",
        colour="#7A1F5C",
        who_waits="the server, for an endless answer",
        explanation="The client asks once, and the server goes on answering for as long as the line is open.",
        reads=Reads.ONCE,
        commands=Commands.POST,
        is_name=True,
        is_addition=True,
    ),
)


def find(slug: str) -> Transport:
    """Return the transport of that slug; raise ValueError, naming all slugs, when there is none."""
    for transport in TRANSPORTS:
        if transport.slug == slug:
            return transport
    known = ", ".join(transport.slug for transport in TRANSPORTS)
    raise ValueError(f"unknown transport {slug!r}: expected one of {known}")
