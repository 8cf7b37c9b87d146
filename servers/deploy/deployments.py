"""The three answers to the serverless problem, by their names on the command line.

Each has a folder beside this module, with the files that real hosts need, and a function in `deployment_processes`,
which starts the same processes on this machine. They are named as the source document's headings are.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deployment:
    """transport: the slug of its clients' transport. store: where its log is kept by default.

    has_functions: whether its API runs on a serverless host.
    """

    name: str
    transport: str
    store: str
    has_functions: bool


DEPLOYMENTS = (
    Deployment("pusher-and-serverless", "pusher_adapter", "redis", has_functions=True),
    Deployment("separate-websocket-server", "raw_websocket", "redis", has_functions=True),
    Deployment("single-server", "raw_websocket", "sqlite", has_functions=False),
)
NAMES = ", ".join(deployment.name for deployment in DEPLOYMENTS)


def find(name: str) -> Deployment:
    """Return the deployment of that name; raise ValueError, with all names, if there is none."""
    for deployment in DEPLOYMENTS:
        if deployment.name == name:
            return deployment
    raise ValueError(f"unknown deployment {name!r}: expected one of {NAMES}")
