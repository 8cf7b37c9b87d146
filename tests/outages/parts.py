"""Count the parts of each deployment: `python -m tests.outages.parts` writes parts.json into results/reference.

While two users chat, it reads from the operating system which programs run, which of them a client connects to, and
which keep connections to each other. It adds the settings that the deployment's files for real hosts need. Leaves out
what no process list shows, such as accounts with vendors.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from results.explorer import REFERENCE
from results.schema import PARTS_FILE
from servers.deploy.child_process import ChildProcess, started
from servers.deploy.deployments import DEPLOYMENTS, Deployment
from servers.transports import find
from tests.support.chat_harness import ChatHarness, deliver

RENTED = {"push_service"}
DEPLOY = Path(__file__).parents[2] / "servers" / "deploy"
SETTINGS_FILES = (".env.example", "chat.service")
SETTING = re.compile(r"\b(?:CHAT|PUSHER)_[A-Z_]+\b")

Parts = dict[str, list[str]]
"""The parts of one deployment, as lists. own, rented: programs that we, or a vendor, run, by role; a file is not one.

browsers_reach: the programs that clients connect to. links: "a to b" if program a opens connections to b. settings: the
names of what must be set on a real host.
"""


async def count_parts(deployment: Deployment) -> Parts:
    """Run a deployment, let two people talk, and count. Raises TimeoutError, ChildFailed."""
    with started(["servers", "deploy", deployment.name, "--port", "0"]) as running:
        room = ChatHarness(find(deployment.transport), running.address)
        async with room.joined("Speaker", "Listener") as (sender, reader):
            await deliver("Hello!", sender, reader)
            return parts_of(deployment, running)


def parts_of(deployment: Deployment, running: ChildProcess) -> Parts:
    """Count the parts of a deployment through which this process's clients talk."""
    trees = _process_trees(running.facts["pids"])
    roles = {each.laddr.port: role for role, tree in trees.items() for each in _sockets(tree, psutil.CONN_LISTEN)}
    called = {role: _called(tree, roles) for role, tree in trees.items()}
    return {
        "own": sorted(trees.keys() - RENTED),
        "rented": sorted(trees.keys() & RENTED),
        "browsers_reach": sorted(_called([psutil.Process()], roles)),
        "links": sorted(f"{role} to {other}" for role, others in called.items() for other in others - {role}),
        "settings": _settings(DEPLOY / deployment.name.replace("-", "_")),
    }


def _process_trees(pids: Mapping[str, int]) -> dict[str, list[psutil.Process]]:
    """Return the processes of each role, with those that they started; without the supervisor."""
    supervisor = psutil.Process(pids["supervisor"])
    by_pid = {pid: role for role, pid in pids.items()}
    return {by_pid[child.pid]: [child, *child.children(recursive=True)] for child in supervisor.children()}


def _sockets(tree: list[psutil.Process], status: str) -> list[Any]:
    """Return the TCP sockets of processes that are in this state."""
    return [each for process in tree for each in process.net_connections("tcp") if each.status == status]


def _called(tree: list[psutil.Process], roles: Mapping[int, str]) -> set[str]:
    """Return the roles that processes have open connections to."""
    ports = {each.raddr.port for each in _sockets(tree, psutil.CONN_ESTABLISHED)}
    return {roles[port] for port in ports & roles.keys()}


def _settings(folder: Path) -> list[str]:
    """Return the names of the settings in the first of SETTINGS_FILES that the folder has, without comments."""
    path = next(folder / name for name in SETTINGS_FILES if (folder / name).is_file())
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return sorted({name for line in lines for name in SETTING.findall(line)})


if __name__ == "__main__":
    path = REFERENCE / PARTS_FILE
    parts = {deployment.name: asyncio.run(count_parts(deployment)) for deployment in DEPLOYMENTS}
    path.write_text(json.dumps(parts, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}\n")
