"""What a serverless host promises and forbids, as data: `profiles.toml` has a dated table for each kind of host.

Teaches that "serverless cannot do WebSockets" is true only for some years. What stays true: lifetimes are bounded,
requests have no affinity, and instances share no memory. Leaves out prices, which are in the cost model.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of serverless host.

    as_of: the date of these values. known: first hand if the vendor's own text was read, else second hand.
    max_duration_s: after it, an invocation is ended. concurrency: invocations that one instance serves at the same
    time. memory_gb: the memory for which an instance is billed. idle_s: how long an instance without an invocation is
    kept. sources: where the values are documented; assumed: values without a source.
    """

    name: str
    as_of: str
    known: str
    max_duration_s: float
    websockets: bool
    concurrency: int
    memory_gb: float
    sources: Sequence[str]
    assumed: Sequence[str] = ("idle_s", "instances_max")
    idle_s: float = 300.0
    instances_max: int = 10


_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PROFILES = tuple(Profile(name, **row) for name, row in _LISTED.items())
NAMES = ", ".join(_LISTED)


def find(name: str) -> Profile:
    """Return the profile of that name; raise ValueError, naming all, when there is none."""
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise ValueError(f"unknown profile {name!r}: expected one of {NAMES}")
