"""What the demo sends to its page: responses to commands, and snapshots of the counters."""

from collections.abc import Mapping

from msgspec import Struct

from servers.demo.counts import Counts


class LaneInfo(Struct, frozen=True, kw_only=True):
    """What a page shows of a lane's transport."""

    slug: str
    label: str
    colour: str
    explanation: str


class LaneAddresses(LaneInfo, frozen=True, kw_only=True):
    """A lane, and where a window reaches its API and its push service: empty unless the demo runs a push service."""

    address: str
    push_service: str


class AbsentLane(LaneInfo, frozen=True, kw_only=True):
    """A lane that cannot be shown, and what to do so that it can."""

    remedy: str


class OpenedWindow(Struct, frozen=True):
    """An open window. additions: labels of the lanes to switch, by slug. request_bytes: bytes of a poll, by link."""

    window: str
    name: str
    lanes: list[LaneAddresses]
    absent: list[AbsentLane]
    additions: dict[str, str]
    request_bytes: dict[str, float]


class LaneState(Struct, frozen=True):
    """Whether a lane is shown, whether its server is up, and what it has cost.

    counts: since the window began to count. bill: since the lane's serverless host began, as it meters all windows; see
    `billed`. plan: what a push service of our own allows and has counted, as it states it, and its connections_open.
    """

    is_on: bool
    is_up: bool
    counts: Counts
    bill: Mapping[str, float] | None
    plan: Mapping[str, int] | None


class Snapshot(Struct, frozen=True):
    """The state of all lanes as a window sees it, sent about twice a second.

    profile: of the serverless host; empty without one. limit_s: the host ends every call after it; 0 without a host.
    """

    lanes: dict[str, LaneState]
    people: int
    is_cut: bool
    profile: str
    limit_s: float
