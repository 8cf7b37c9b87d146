"""Faults that end no process: one that hangs, a clock that jumps, a disk that is full or read-only.

A file system cannot be mounted read-only while a file of it is open for writing: so it is when a killed server returns.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from servers.deploy.child_process import ChildFailed
from servers.deploy.deployments import find
from servers.transports import TRANSPORTS
from tests.drills.kills import FIGURES
from tests.drills.running import Running, in_namespace, talking
from tests.outages.outages import Deployed, Outage, Size, run_outage

EVERY_S = 0.2
AFTER_S = 2.0
CLOCK = Path(__file__).with_name("clock")
ROLES = {
    "pusher-and-serverless": ("api", "push_service", "store", "supervisor"),
    "separate-websocket-server": ("api", "websocket_server", "store", "supervisor"),
    "single-server": ("server", "supervisor"),
}
FULL = 'mount -t tmpfs -o size=8m chat "$0"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
MEASURED = (*FIGURES, "lasted_s", "up_to_date_s", "unacknowledged_s")


def plan(stop_s: float) -> list[dict[str, Any]]:
    """Return every fault: what, where, to which process or by how much, and for how long."""
    stops = [(name, role) for name, roles in ROLES.items() for role in roles]
    slugs = [row.slug for row in TRANSPORTS]
    faults = [
        *(("stopped", name, role) for name, role in [*stops, ("postgresql", "postgresql")]),
        *(("clock", slug, jump) for slug in slugs for jump in ("+3600 s", "-3600 s")),
        *(("disk", slug, state) for slug in slugs for state in ("full", "read-only")),
    ]
    return [{"fault": fault, "where": where, "what": what, "for_s": stop_s} for fault, where, what in faults]


def rows(todo: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Bring about faults, and yield the row of each."""
    for key in todo:
        yield {**key, **asyncio.run(BY_NAME[key["fault"]](key["where"], key["what"], key["for_s"]))}


async def stop(where: str, role: str, for_s: float) -> dict[str, Any]:
    """Stop one process with SIGSTOP, and let it go on."""
    if where not in ROLES:
        async with talking("raw_websocket", where, EVERY_S) as running:
            return await measured(running, lambda: hang(running.victims[role].pid, for_s))

    async def failure(deployed: Deployed) -> None:
        await hang(deployed.running.facts["pids"][role], for_s)

    result = await run_outage(Outage(find(where), failure), Size(people=4, before_s=1.0, after_s=AFTER_S))
    return {name: figure(getattr(result, name)) for name in MEASURED} | {"tracebacks": None}  # it has no log of its own


async def hang(pid: int, for_s: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(for_s)
    finally:
        os.kill(pid, signal.SIGCONT)


async def jump(slug: str, by: str, for_s: float) -> dict[str, Any]:
    """Set the server's wall clock forward or back, and right again."""
    with TemporaryDirectory() as folder:
        offset = Path(folder) / "offset"
        offset.write_text("0", encoding="ascii")

        async def fault() -> None:
            for seconds in (by.removesuffix(" s"), "0"):
                replaced = offset.with_suffix(".new")
                replaced.write_text(seconds, encoding="ascii")
                replaced.replace(offset)
                await asyncio.sleep(for_s / 2)

        env = {"PYTHONPATH": str(CLOCK), "CLOCK_OFFSET": str(offset)}
        async with talking(slug, "sqlite", EVERY_S, env=env) as running:
            return await measured(running, fault)


async def fail_disk(slug: str, state: str, for_s: float) -> dict[str, Any]:
    """Fill the disk, or kill the server and have it return to a disk that is read-only."""
    fault = fill if state == "full" else return_read_only
    async with talking(slug, "sqlite", EVERY_S, mount=FULL if state == "full" else "") as running:
        return await measured(running, partial(fault, running, for_s))


async def fill(running: Running, for_s: float) -> None:
    filler = Path(f"/proc/{running.server.pid}/root/{running.disk}/filler")
    await asyncio.to_thread(take_all, filler)
    await asyncio.sleep(for_s)
    await asyncio.to_thread(filler.unlink)


def take_all(filler: Path) -> None:
    """Write to a file until its disk is full."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


async def return_read_only(running: Running, for_s: float) -> None:
    """Expect the server to refuse to start, and to say why."""
    server = running.server
    await asyncio.to_thread(server.kill)
    server.before = in_namespace(READ_ONLY, running.disk)
    try:
        await asyncio.to_thread(server.start)
    except ChildFailed as failed:
        if "Read-only" not in str(failed):
            raise
    else:
        raise AssertionError("a server on a read-only disk started")
    finally:
        server.before = []
        await asyncio.to_thread(server.start)


async def measured(running: Running, fault: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    """Bring about a fault while people talk, and return the figures of its outcome."""
    began_s = monotonic()
    await fault()
    over_s = monotonic()
    await asyncio.sleep(AFTER_S)
    found = asdict(await running.finish(began_s, over_s))
    log = running.tracebacks
    return {name: figure(found[name]) for name in MEASURED} | {"tracebacks": len(log), "evidence": log[:3]}


def figure(value: float) -> float:
    return round(value, 3)


BY_NAME = {"stopped": stop, "clock": jump, "disk": fail_disk}
