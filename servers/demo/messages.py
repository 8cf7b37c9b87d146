"""What the demo's page may ask for, and what it is told: the vocabulary of its controls and counters."""

from typing import Annotated

from msgspec import Meta, Struct

from servers.demo.counts import Bill, Counts

DELAY_MS_MAX = 2000
PEOPLE_MAX = 5


class Wish(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Something that the page wants done."""


class Open(Wish, frozen=True, tag="open"):
    """Open a window; with the name of one that was left a moment ago, come back to it. Answered by Opened."""

    window: str = ""


class Shape(Wish, frozen=True, tag="shape"):
    """Put every server so far from a window, each way, or cut it off."""

    window: str
    delay_ms: Annotated[float, Meta(ge=0, le=DELAY_MS_MAX)]
    is_cut: bool


class Restart(Wish, frozen=True, tag="restart"):
    """Kill a lane's server without warning, and start it again on the same log."""

    lane: str


class Gather(Wish, frozen=True, tag="gather"):
    """Have so many scripted users in every lane."""

    people: Annotated[int, Meta(ge=0, le=PEOPLE_MAX)]


class EnableLane(Wish, frozen=True, tag="enable_lane"):
    """Switch an added lane on or off, for every window."""

    lane: str
    on: bool


class Reach(Wish, frozen=True, tag="reach"):
    """Lay a window's way to a lane that is on. Answered by Reached."""

    window: str
    lane: str


class HostOn(Wish, frozen=True, tag="host_on"):
    """Run every lane on a serverless host of that profile, or with an empty name on servers of their own."""

    profile: str


class CountAnew(Wish, frozen=True, tag="count_anew"):
    """Let a window's counters begin at nothing."""

    window: str


AnyWish = Open | Shape | Restart | Gather | EnableLane | Reach | HostOn | CountAnew


class Reached(Struct, frozen=True):
    """A lane, and where a window reaches its server and its push service; an empty push service means: as it says."""

    slug: str
    label: str
    colour: str
    explanation: str
    address: str
    push_service: str


class Absent(Struct, frozen=True):
    """A lane that cannot be shown, and what to do so that it can."""

    slug: str
    label: str
    colour: str
    explanation: str
    remedy: str


class Opened(Struct, frozen=True):
    """An open window, its user's name, its lanes, the absent ones, and the labels of those that can be switched."""

    window: str
    name: str
    lanes: list[Reached]
    absent: list[Absent]
    additions: dict[str, str]


class Done(Struct, frozen=True):
    """A wish that was fulfilled, and that there is nothing more to say of."""

    done: bool = True


class LaneState(Struct, frozen=True):
    """A lane's state: whether it is shown at all, whether its server is up, and what that has counted."""

    is_on: bool
    is_up: bool
    counts: Counts
    bill: Bill | None


class Look(Struct, frozen=True):
    """What the counters' stream tells, several times a second.

    profile: of the serverless host, empty without one; limit_s: after which it ends every call, else 0.
    """

    lanes: dict[str, LaneState]
    people: int
    delay_ms: float
    is_cut: bool
    profile: str
    limit_s: float
