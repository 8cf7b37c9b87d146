"""The manifest of a run: code, machine, versions, scenario, settings.

Teaches what is needed to trust a figure, or to reproduce it.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from loadtests.harness.cores import Cores
from loadtests.plan.workload import PLAIN
from loadtests.scenarios import Scenario
from servers.addresses import without_passwords
from servers.transports import LOCAL_STAND_IN, RENTED, Transport

ROOT = Path(__file__).parents[2]
LOAD_USERS_SHARE = ("backoff.py", "errors.py", "inbox.py", "pusher_frames.py")
MEASURED = ("servers", *(f"clients/{name}" for name in LOAD_USERS_SHARE), "loadtests")
"""Whose code a figure depends on. Of the chat clients, load users have only these modules; the others never run."""
SUFFIXES = ("py", "toml", "sql", "lua", "conf", "mjs")
NOT_MEASURED = (
    "servers/demo",
    "servers/shortest",
    "loadtests/__main__.py",
    "loadtests/choices.py",
    "loadtests/experiments/bench",
    "loadtests/harness/manifest.py",
    "loadtests/reports",
)
"""What of it does not run while measuring: demo, shortest chats, command lines, benchmarks, manifests and reports."""
PACKAGES = (
    "starlette",
    "sse-starlette",
    "uvicorn",
    "httptools",
    "uvloop",
    "websockets",
    "msgspec",
    "pusher",
    "httpx",
    "locust",
    "gevent",
)

LINK_PACKAGES = ("h2", "hpack", "zttp")  # an optional dependency group, which serves and sends HTTP/2


def push_service() -> str:
    """Return whose push service the Pusher adapter uses: PUSHER_KEY in the environment names a rented one."""
    return RENTED if os.environ.get("PUSHER_KEY") else LOCAL_STAND_IN


def label(transport: Transport) -> str:
    """Return a transport's label in the run that is about to start, with the local stand-in if that serves it."""
    return transport.label_for(push_service())


def describe(scenarios: Sequence[Scenario], slugs: Sequence[str], cores: Cores) -> dict[str, Any]:
    """Return the manifest of a run that is about to start."""
    links = {load.link for row in scenarios for load in row.workloads}
    return {
        "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": commit(),
        "measured_code": measured_code(),
        "machine": machine(),
        "versions": versions(PACKAGES if links == {PLAIN} else (*PACKAGES, *LINK_PACKAGES)),
        "transports": list(slugs),
        "scenarios": [
            {"name": row.name, "question": row.question, "repeats": row.repeats, "samples": row.samples}
            for row in scenarios
        ],
        "workloads": [
            {"scenario": row.name, **asdict(load), "warm_up_s": load.warm_up_s}
            for row in scenarios
            for load in row.workloads
        ],
        "command": without_passwords(" ".join(["python", "-m", "loadtests", *sys.argv[1:]])),
        "pinning": cores.label,
        "push_service": push_service(),
        "preview": any(row.preview for row in scenarios),
    }


def commit() -> str:
    """Return the commit that is checked out, and whether files differ from it; "unknown" outside of a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def measured_code(root: Path = ROOT) -> dict[str, str]:
    """Return a digest for each of MEASURED: of the code, SQL and tables that run while measuring, committed or not."""
    digests = {}
    for name in MEASURED:
        parts = (f"{file.relative_to(root)}\n".encode() + file.read_bytes() for file in measured_files(root, name))
        digests[name] = sha256(b"".join(parts)).hexdigest()
    return digests


def measured_files(root: Path, name: str) -> list[Path]:
    """Return the files that one of MEASURED stands for."""
    left_out = {root / left for left in NOT_MEASURED}
    below = (file for suffix in SUFFIXES for file in (root / name).rglob(f"*.{suffix}"))
    files = sorted(file for file in {root / name, *below} if file.is_file())
    return [file for file in files if left_out.isdisjoint({file, *file.parents})]


def versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of the libraries that a figure may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def machine() -> dict[str, Any]:
    """Return the hardware and the operating system."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "os": platform.platform(),
    }


def _cpu_model() -> str:
    """Return the processor's name: on Linux from /proc/cpuinfo, elsewhere as Python reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
