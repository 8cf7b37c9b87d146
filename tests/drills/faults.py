"""Faults that end no process: a process that hangs, a clock that jumps, a disk that is full or read-only.

A file system cannot be mounted read-only while a file on it is open for writing. So the server is killed first, and
finds the disk read-only when it is started again.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from loadtests.reports.tables import write_text
from servers.deploy.child_process import ChildFailed
from servers.deploy.deployments import find
from servers.transports import TRANSPORTS
from tests.drills.kills import FIGURES
from tests.drills.running import Running, in_namespace, talking
from tests.outages.outages import Outage, hang, run_outage
from tests.outages.people import Size

SIZE = Size(people=4, every_s=0.2, before_s=0.0, after_s=2.0, catch_up_s=60.0)
CLOCK = Path(__file__).with_name("clock")
ROLES = {
    "pusher-and-serverless": ("api", "push_service", "store", "supervisor"),
    "separate-websocket-server": ("api", "websocket_server", "store", "supervisor"),
    "single-server": ("server", "supervisor"),
}
DISK_BYTES = 8 << 20
FULL = f'mount -t tmpfs -o size={DISK_BYTES} chat "$0"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
MEASURED = (*FIGURES, "lasted_s", "up_to_date_s", "unacknowledged_s")
NO_LOG: dict[str, Any] = {"tracebacks": None, "evidence": []}


def plan(stop_s: float) -> list[dict[str, Any]]:
    """Return every fault: its kind, the chat it happens to, the process or the amount, and its duration."""
    stops = [(name, role) for name, roles in ROLES.items() for role in roles]
    slugs = [row.slug for row in TRANSPORTS]
    faults = [
        *(("stopped", name, role) for name, role in [*stops, ("postgresql", "postgresql")]),
        *(("clock", slug, jump) for slug in slugs for jump in ("+3600 s", "-3600 s")),
        *(("disk", slug, state) for slug in slugs for state in ("full", "read-only")),
    ]
    return [{"fault": fault, "where": where, "what": what, "for_s": stop_s} for fault, where, what in faults]


def row(key: Mapping[str, Any]) -> dict[str, Any]:
    """Bring about a fault, and return its row."""
    found = asyncio.run(BY_NAME[key["fault"]](key["where"], key["what"], key["for_s"]))
    return {**key, **{name: found[name] for name in MEASURED}}


async def stop(where: str, role: str, for_s: float) -> dict[str, Any]:
    """Stop one process with SIGSTOP, and let it go on."""
    if where not in ROLES:
        async with talking("raw_websocket", where, SIZE) as running:
            return await running.measured(lambda chat: hang(chat.victims["engine"].pid, for_s), SIZE)
    return await run_outage(Outage(find(where), lambda deployed: deployed.hang(role, for_s)), SIZE) | NO_LOG


async def jump(slug: str, by: str, for_s: float) -> dict[str, Any]:
    """Set the server's wall clock forward or back, and then to the right time again."""
    with TemporaryDirectory() as folder:
        offset = Path(folder) / "offset"
        write_text(offset, "0")

        async def fault(_: Running) -> None:
            for seconds in (by.removesuffix(" s"), "0"):
                write_text(offset, seconds)
                await asyncio.sleep(for_s / 2)

        env = {"PYTHONPATH": str(CLOCK), "CLOCK_OFFSET": str(offset)}
        async with talking(slug, "sqlite", SIZE, env=env) as running:
            return await running.measured(fault, SIZE)


async def fail_disk(slug: str, state: str, for_s: float) -> dict[str, Any]:
    """Fill the disk, or kill the server and have it return to a disk that is read-only."""

    async def fill(running: Running) -> None:
        filler = Path(f"/proc/{running.server.pid}/root/{running.disk}/filler")
        with pytest.raises(OSError, match="No space left"):
            await asyncio.to_thread(filler.write_bytes, bytes(DISK_BYTES))
        await asyncio.sleep(for_s)
        await asyncio.to_thread(filler.unlink)

    async with talking(slug, "sqlite", SIZE, mount=FULL if state == "full" else "") as running:
        return await running.measured(fill if state == "full" else return_read_only, SIZE)


async def return_read_only(running: Running) -> None:
    """Expect the server to refuse to start, and to say why."""
    server = running.server
    await asyncio.to_thread(server.kill)
    server.before = in_namespace(READ_ONLY, running.disk)
    with pytest.raises(ChildFailed, match="Read-only"):
        await asyncio.to_thread(server.start)
    server.before = []
    await asyncio.to_thread(server.start)


BY_NAME = {"stopped": stop, "clock": jump, "disk": fail_disk}
