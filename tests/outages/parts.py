"""Count the parts of each deployment: `python -m tests.outages.parts` writes parts.json into results/reference.

Counted in the running programs, by the operating system, while two people have come and one has spoken: which programs
run, which of them a person's client talks to, and which of them keep lines to each other. Beside them stand the
settings that the option's own files for real hosts ask for. Leaves out what no process list shows: accounts and people.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from clients.conversation import ChatSession, log_in
from results.schema import PARTS_FILE
from servers.core.wire import Kind
from servers.deploy.deployments import OPTIONS, Option
from servers.deploy.processes import started
from tests.outages.report import FOLDER

RENTED = ("push_service",)
FOLDERS = Path(__file__).parents[2] / "servers" / "deploy"
TOLD_IN = (".env.example", "chat.service")
SETTING = re.compile(r"\b(?:CHAT|PUSHER)_[A-Z_]+\b")
DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Parts:
    """own and rented: programs to run, by role; a log in a file is none. browsers_reach: those that clients talk to.

    links: pairs of programs that keep lines to each other, who calls first. settings: what a real host must be told.
    """

    own: tuple[str, ...]
    rented: tuple[str, ...]
    browsers_reach: tuple[str, ...]
    links: tuple[str, ...]
    settings: tuple[str, ...]


async def parts(option: Option) -> Parts:
    """Run an option's deployment, let two people talk, and count. Raises TimeoutError."""
    with started(["servers", "deploy", option.name, "--port", "0"]) as running:
        async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
            speaker, listener = [
                await stack.enter_async_context(await log_in(option.transport, running.address, "parts", name))
                for name in ("Speaker", "Listener")
            ]
            await speaker.send("Hello!")
            await _heard(listener)
            trees = _trees(running.facts["pids"])
            ports = {port: role for role, tree in trees.items() for port in _listening(tree)}
            people = {ports[port] for port in _called(psutil.Process()) if port in ports}
            links = {
                (role, ports[port])
                for role, tree in trees.items()
                for each in tree
                for port in _called(each)
                if port in ports
            }
    return Parts(
        own=tuple(sorted(set(trees) - set(RENTED))),
        rented=tuple(sorted(set(trees) & set(RENTED))),
        browsers_reach=tuple(sorted(people)),
        links=tuple(sorted(f"{caller} to {called}" for caller, called in links if caller != called)),
        settings=_settings(FOLDERS / option.folder),
    )


async def _heard(listener: ChatSession) -> None:
    async with aclosing(listener.events()) as coming:  # type: ignore[type-var]
        async for event in coming:
            if event.kind is Kind.MESSAGE:
                return


def _trees(pids: Mapping[str, int]) -> dict[str, list[psutil.Process]]:
    """Return the processes of each role, with those that they started; but for the supervisor, who started them."""
    supervisor = psutil.Process(pids["supervisor"])
    by_pid = {pid: role for role, pid in pids.items()}
    return {by_pid[child.pid]: [child, *child.children(recursive=True)] for child in supervisor.children()}


def _listening(tree: list[psutil.Process]) -> Iterator[int]:
    """Yield the ports that processes listen on."""
    for process in tree:
        yield from (each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN)


def _called(process: psutil.Process) -> Iterator[int]:
    """Yield the ports at the other end of the lines that a process has open."""
    found = process.net_connections("tcp")
    yield from (each.raddr.port for each in found if each.status == psutil.CONN_ESTABLISHED)


def _settings(folder: Path) -> tuple[str, ...]:
    """Return the names of the settings in the first file of TOLD_IN that the folder has, comments left out."""
    path = next(folder / name for name in TOLD_IN if (folder / name).is_file())
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return tuple(sorted({name for line in lines for name in SETTING.findall(line)}))


def counted() -> dict[str, dict[str, object]]:
    """Count every option's parts, by its name."""
    return {option.name: asdict(asyncio.run(parts(option))) for option in OPTIONS}


def encoded(found: Mapping[str, object]) -> str:
    """Return what the file holds."""
    return json.dumps(found, indent=2) + "\n"


if __name__ == "__main__":
    path = FOLDER / PARTS_FILE
    path.write_text(encoded(counted()), encoding="utf-8")
    sys.stdout.write(f"{path}\n")
