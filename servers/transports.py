"""The registry: one row for each transport, with everything that others need to know about it.

Servers, clients, load tests, the conformance suite, the demo, charts and tables iterate over this table. They find a
transport's modules by its slug: `servers.<slug>`, `clients.<slug>`, `loadtests.<slug>`, and in the browser
`clients/web/transports/<slug>.js`. A further transport is one row and those four files.
"""

from dataclasses import dataclass
from enum import StrEnum

RENTED, LOCAL_STAND_IN = "rented", "local stand-in"
"""Whose push service the Pusher adapter publishes through."""

NOT_COUNTED = "rented, not counted"
"""A rented service's CPU time and bytes cannot be measured from here: its row and its charts say so."""


class Reads(StrEnum):
    """How a client reads new events. The theoretical predictions depend on this."""

    POLL = "poll"  # repeated requests, with a pause after each response
    HELD = "held"  # repeated requests; the server holds each response back until there is a new event
    ONCE = "once"  # one request opens a connection, on which the server pushes


class Commands(StrEnum):
    """How a client's commands (send, type, mark read, leave) reach the server."""

    POST = "post"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Transport:
    """One way for a client to receive new events.

    slug: name of its modules. colour: hex, contrast 4.5:1 on white. who_waits, explanation, choose_when: texts for
    charts, the demo and the decision table. needs_push_service: the API publishes to one, and clients renew their lease
    by heartbeats. is_name: the label keeps its capitals within a sentence. is_addition: not one of the four that the
    project set out to compare: tables and charts mark it, and its lane of the demo is off at first.
    """

    slug: str
    label: str
    colour: str
    who_waits: str
    explanation: str
    choose_when: str
    reads: Reads
    commands: Commands
    needs_push_service: bool = False
    is_name: bool = False
    is_addition: bool = False

    def label_for(self, push_service: str) -> str:
        """Return the label for tables and charts, which marks an addition and whose push service it is."""
        if self.needs_push_service:
            return f"{self.label} ({NOT_COUNTED if push_service == RENTED else LOCAL_STAND_IN})"
        return f"{self.label} (added)" if self.is_addition else self.label


TRANSPORTS: tuple[Transport, ...] = (
    Transport(
        slug="short_polling",
        label="Short polling",
        colour="#C25400",
        who_waits="the client, between questions",
        explanation="The client polls every few seconds, and most responses are empty.",
        choose_when="news may wait, or comes all the time; any host will do",
        reads=Reads.POLL,
        commands=Commands.POST,
    ),
    Transport(
        slug="long_polling",
        label="Long polling",
        colour="#9A6A00",
        who_waits="the server, for one answer",
        explanation="The server holds each request until there is a new event.",
        choose_when="news must not wait, and neither streams nor upgrades get through",
        reads=Reads.HELD,
        commands=Commands.POST,
    ),
    Transport(
        slug="raw_websocket",
        label="Raw WebSocket",
        colour="#0072B2",
        who_waits="the server, for as long as the line is open",
        explanation="One connection stays open, and both sides send whenever they like.",
        choose_when="clients talk as much as they listen, and you hold the connections",
        reads=Reads.ONCE,
        commands=Commands.FRAMES,
    ),
    Transport(
        slug="pusher_adapter",
        label="Pusher adapter",
        colour="#007A5A",
        who_waits="somebody else's server",
        explanation="The API publishes each event to a push service, which holds the connections.",
        choose_when="news must not wait, and your host cannot hold connections",
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
        explanation="The client sends one request, and the response goes on for as long as the connection is open.",
        choose_when="clients mostly listen, and plain HTTP is to be enough",
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
