"""The registry: what tells the transports apart, one row each.

Everything that must treat the transports alike (servers, clients, load tests, conformance suite, charts, tables)
walks over this table, and finds the module of a transport by its slug: `servers.<slug>`, `clients.<slug>`,
`loadtests.<slug>`. A new transport is one new row and those three files.
"""

from dataclasses import dataclass
from enum import StrEnum


class Commands(StrEnum):
    """How a client's commands (send, type, mark read, leave) reach the server."""

    POST = "post"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Transport:
    """One way for a client to learn of new events.

    slug: module name in `servers`, `clients` and `loadtests`. colour: hex, 4.5:1 on white.
    who_waits and explanation: for humans. needs_push_service: the API publishes to one.
    """

    slug: str
    label: str
    colour: str
    who_waits: str
    explanation: str
    commands: Commands
    needs_push_service: bool = False


TRANSPORTS: tuple[Transport, ...] = (
    Transport(
        slug="short_polling",
        label="Short polling",
        colour="#C25400",
        who_waits="the client, between questions",
        explanation="The client asks every few seconds, and most answers are empty.",
        commands=Commands.POST,
    ),
    Transport(
        slug="long_polling",
        label="Long polling",
        colour="#9A6A00",
        who_waits="the server, for one answer",
        explanation="The server holds each question until there is something to tell.",
        commands=Commands.POST,
    ),
    Transport(
        slug="raw_websocket",
        label="Raw WebSocket",
        colour="#0072B2",
        who_waits="the server, for as long as the line is open",
        explanation="One line stays open, and both sides speak on it whenever they like.",
        commands=Commands.FRAMES,
    ),
    Transport(
        slug="pusher_adapter",
        label="Pusher adapter",
        colour="#007A5A",
        who_waits="somebody else's server",
        explanation="The API publishes each event to a push service, which keeps the lines open.",
        commands=Commands.POST,
        needs_push_service=True,
    ),
)


def find(slug: str) -> Transport:
    """Return the transport of that slug; raise ValueError, naming all slugs, when there is none."""
    for transport in TRANSPORTS:
        if transport.slug == slug:
            return transport
    known = ", ".join(transport.slug for transport in TRANSPORTS)
    raise ValueError(f"unknown transport {slug!r}: expected one of {known}")
