"""What a server has counted since it started, for `GET /stats`.

Teaches why requests are counted by purpose: a hundred reads say something else about a transport than a hundred sends.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """What a request is for. Upkeep: log-ins, joins, heartbeats, authorizations."""

    SEND = "send"
    RECEIVE = "receive"
    UPKEEP = "upkeep"


@dataclass(slots=True)
class Counters:
    """requests: HTTP requests, upgrades included. command_frames: commands received on sockets.

    empty_answers: reads without an event. events_delivered: events sent to clients. published: events sent to a push
    service, which counts its own deliveries.
    """

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Purpose, 0))
    command_frames: int = 0
    empty_answers: int = 0
    events_delivered: int = 0
    published: int = 0
    publish_failures: int = 0
