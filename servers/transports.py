"""The registry: one row for each transport, with everything that others need to know about it, from `transports.toml`.

Servers, clients, load tests, the conformance suite, the demo, charts and tables iterate over this table. They find a
transport's modules by its slug: `servers.<slug>`, `clients.<slug>`, `loadtests.<slug>`, and in the browser
`clients/web/transports/<slug>.js`. A further transport is one row and those four files.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

RENTED = "rented"
LOCAL_STAND_IN = "local stand-in"
"""The push service through which the Pusher adapter publishes is one of these two."""
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
            whose = NOT_COUNTED if push_service == RENTED else LOCAL_STAND_IN
            return f"{self.label} ({whose})"
        return f"{self.label} (added)" if self.is_addition else self.label


def _transport(slug: str, reads: str, commands: str, **row: Any) -> Transport:
    """Return a row of the registry; raise TypeError or ValueError for a field or a value that it does not have."""
    return Transport(slug, reads=Reads(reads), commands=Commands(commands), **row)


_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TRANSPORTS = tuple(_transport(slug, **row) for slug, row in _LISTED.items())


def find(slug: str) -> Transport:
    """Return the transport of that slug; raise ValueError, naming all slugs, when there is none."""
    for transport in TRANSPORTS:
        if transport.slug == slug:
            return transport
    known = ", ".join(transport.slug for transport in TRANSPORTS)
    raise ValueError(f"unknown transport {slug!r}: expected one of {known}")
