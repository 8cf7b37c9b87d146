"""What a serverless host promises and forbids, as data: one dated row for each kind of host.

Teaches that "serverless cannot do WebSockets" is a statement about a year. What stays is a bounded lifetime, no
affinity, and memory that nobody else sees. Leaves out prices: the cost model knows them.
"""

from dataclasses import dataclass, replace

CLASSIC_LIMITS = "https://github.com/vercel/community/discussions/1813"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"
CLASSIC_BILL = "https://vercel.com/docs/functions/usage-and-pricing/legacy-pricing"
FLUID_BILL = "https://vercel.com/docs/functions/usage-and-pricing"
WEBSOCKETS = "https://vercel.com/docs/functions/websockets"
LIMITS = "https://vercel.com/docs/functions/limitations"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of serverless host.

    as_of: when this was so. max_duration_s: an invocation is ended after it. concurrency: invocations
    that one instance serves at the same time. memory_gb: what an instance is billed for. idle_s: how long an instance
    without an invocation is kept. sources: where it is documented; assumed: values that no source gives.
    """

    name: str
    as_of: str
    max_duration_s: float
    websockets: bool
    concurrency: int
    memory_gb: float
    sources: tuple[str, ...]
    assumed: tuple[str, ...] = ("idle_s", "instances_max")
    idle_s: float = 300.0
    instances_max: int = 10


CLASSIC_HOBBY = Profile(
    name="classic-hobby",
    as_of="early 2024",
    max_duration_s=10.0,
    websockets=False,
    concurrency=1,
    memory_gb=1.0,
    sources=(CLASSIC_LIMITS, CLASSIC_BILL, LAMBDA),
)
PROFILES: tuple[Profile, ...] = (
    CLASSIC_HOBBY,
    replace(CLASSIC_HOBBY, name="classic-pro", as_of="2023", max_duration_s=60.0),
    Profile(
        name="fluid-2026",
        as_of="2026-10-01",
        max_duration_s=300.0,
        websockets=True,
        concurrency=4,
        memory_gb=2.0,
        sources=(WEBSOCKETS, LIMITS, FLUID_BILL),
        assumed=("idle_s", "instances_max", "concurrency: more than one, by load; no figure is published"),
    ),
)
NAMES = ", ".join(profile.name for profile in PROFILES)


def find(name: str) -> Profile:
    """Return the profile of that name; raise ValueError, naming all, when there is none."""
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise ValueError(f"unknown profile {name!r}: expected one of {NAMES}")
