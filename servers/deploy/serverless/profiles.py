"""What a serverless host promises and forbids, as data: `profiles.toml` has a dated table for each kind of host.

Teaches that "serverless cannot do WebSockets" is a statement about a year. What stays is a bounded lifetime, no
affinity, and memory that nobody else sees. Leaves out prices: the cost model knows them.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of serverless host.

    as_of: when this was so. known: first hand if the vendor's own text was read, else second hand. max_duration_s: an
    invocation is ended after it. concurrency: invocations that one instance serves at the same time. memory_gb: what an
    instance is billed for. idle_s: how long an instance without an invocation is kept. sources: where it is documented;
    assumed: values that no source gives.
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
