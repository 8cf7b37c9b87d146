"""The three ways out of the serverless problem, by the names that the command line knows them by.

For each stands a folder beside this module: what real hosts need, and as `topology.py` the same processes here. Folders
are named as Python's packages are, with underscores; on the command line, as the source document's headings would be.
Like the registry of the transports it needs the standard library only, so that whoever measures a deployment can know
its name without running it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """transport: the slug of what its clients speak. store: what keeps its log unless told otherwise.

    has_functions: whether its API runs on a serverless host.
    """

    name: str
    transport: str
    store: str
    has_functions: bool

    @property
    def folder(self) -> str:
        """The package that runs it."""
        return self.name.replace("-", "_")


OPTIONS = (
    Option("pusher-and-serverless", "pusher_adapter", "redis", has_functions=True),
    Option("separate-websocket-server", "raw_websocket", "redis", has_functions=True),
    Option("single-server", "raw_websocket", "sqlite", has_functions=False),
)


def find(name: str) -> Option:
    """Return the option of that name; raise ValueError, naming all, when there is none."""
    for option in OPTIONS:
        if option.name == name:
            return option
    raise ValueError(f"unknown option {name!r}: expected one of {', '.join(option.name for option in OPTIONS)}")
