"""The three ways out of the serverless problem, by the names that the command line knows them by.

For each stands a folder beside this module: what real hosts need, and as `topology.py` the same processes here. Folders
are named as Python's packages are, with underscores; on the command line, as the source document's headings would be.
"""

from collections.abc import Callable
from dataclasses import dataclass

from servers.deploy.deployment import Deployment
from servers.deploy.plan import Plan
from servers.deploy.pusher_and_serverless import topology as pusher_and_serverless
from servers.deploy.separate_websocket_server import topology as separate_websocket_server
from servers.deploy.single_server import topology as single_server


@dataclass(frozen=True, slots=True)
class Option:
    """transport: the slug of what its clients speak. store: what keeps its log unless told otherwise.

    start: runs its processes, in order, and returns the address that clients are given.
    """

    name: str
    transport: str
    store: str
    start: Callable[[Deployment, Plan], str]


OPTIONS = (
    Option("pusher-and-serverless", "pusher_adapter", "redis", pusher_and_serverless.start),
    Option("separate-websocket-server", "raw_websocket", "redis", separate_websocket_server.start),
    Option("single-server", "raw_websocket", "sqlite", single_server.start),
)


def find(name: str) -> Option:
    """Return the option of that name; raise ValueError, naming all, when there is none."""
    for option in OPTIONS:
        if option.name == name:
            return option
    raise ValueError(f"unknown option {name!r}: expected one of {', '.join(option.name for option in OPTIONS)}")
