"""The messages between the demo and its page: commands, their responses, and snapshots of the counters.

Teaches that types can validate: a number beyond its bounds, an unknown field or an unknown command is refused by the
decoder.
"""

from typing import Annotated

from msgspec import Meta, Struct

from servers.demo.counts import Bill, Counts, Plan

DELAY_MS_MAX = 2000
PEOPLE_MAX = 5


class Command(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """A command of the page."""


class OpenWindow(Command, frozen=True, tag="open_window"):
    """Open a window, or return to one that was left a moment ago. The response is OpenedWindow."""

    window: str = ""


class SetNetwork(Command, frozen=True, tag="set_network"):
    """Delay everything between a window and the servers, each way, or cut the window off."""

    window: str
    delay_ms: Annotated[float, Meta(ge=0, le=DELAY_MS_MAX)]
    is_cut: bool


class Restart(Command, frozen=True, tag="restart"):
    """Kill a lane's server without warning, and start it again on the same log."""

    lane: str


class SetCrowd(Command, frozen=True, tag="set_crowd"):
    """Have so many scripted users in every lane."""

    people: Annotated[int, Meta(ge=0, le=PEOPLE_MAX)]


class EnableLane(Command, frozen=True, tag="enable_lane"):
    """Switch an added lane on or off, for every window."""

    lane: str
    on: bool


class ConnectLane(Command, frozen=True, tag="connect_lane"):
    """Let a window reach a lane that is on. The response is LaneAddresses."""

    window: str
    lane: str


class SetHost(Command, frozen=True, tag="set_host"):
    """Run every lane on a serverless host of that profile, or with an empty name on servers of their own."""

    profile: str


class ResetCounts(Command, frozen=True, tag="reset_counts"):
    """Let a window's counters begin at zero; a serverless host's bill and a push service's plan go on."""

    window: str


AnyCommand = OpenWindow | SetNetwork | Restart | SetCrowd | EnableLane | ConnectLane | SetHost | ResetCounts


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


class Done(Struct, frozen=True):
    """The response to a command that has no other response: it was carried out."""

    done: bool = True


AnyResponse = OpenedWindow | LaneAddresses | Done


class LaneState(Struct, frozen=True):
    """Whether a lane is shown, whether its server is up, and what it has cost.

    counts: since the window began to count. bill: since the lane's serverless host began, as it meters all windows.
    """

    is_on: bool
    is_up: bool
    counts: Counts
    bill: Bill | None
    plan: Plan | None


class Snapshot(Struct, frozen=True):
    """The state of all lanes as a window sees it, sent about twice a second.

    profile: of the serverless host; empty without one. limit_s: the host ends every call after it; 0 without a host.
    """

    lanes: dict[str, LaneState]
    people: int
    is_cut: bool
    profile: str
    limit_s: float
