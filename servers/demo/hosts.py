"""Where the demo can run its lanes: on servers of their own, or as functions on a serverless host.

Teaches what each kind of host allows, live: the limit of the classic one is short enough to be waited for. That of
today's is five minutes, which nobody waits for in an interview: here it is shortened.
"""

from dataclasses import dataclass

SHORTENED_S = 20.0


@dataclass(frozen=True, slots=True)
class Host:
    """limit_s: after which every call ends. options: of `servers.deploy.serverless`."""

    limit_s: float
    options: tuple[str, ...]


HOSTS = {
    "classic-hobby": Host(10.0, ("--profile", "classic-hobby")),
    "fluid-2026": Host(SHORTENED_S, ("--profile", "fluid-2026", "--max-duration", str(SHORTENED_S))),
}
"""By the name of a profile."""
