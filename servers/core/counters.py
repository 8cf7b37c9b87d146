"""What a server has done since it started, as `GET /stats` tells it."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """What a request is for. Upkeep is what it takes to be there at all: log-ins, heartbeats, authorizations."""

    SEND = "send"
    RECEIVE = "receive"
    UPKEEP = "upkeep"


@dataclass(slots=True)
class Counters:
    """requests: HTTP requests, upgrades included. command_frames: commands that came on a socket.

    empty_answers: reads that told nothing. events_delivered: events handed to clients or, with a push service,
    events handed to it (`published`), since what happens there is counted there.
    """

    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Purpose, 0))
    command_frames: int = 0
    empty_answers: int = 0
    events_delivered: int = 0
    published: int = 0
    publish_failures: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)
