"""`make bench`, or `python -m loadtests.experiments.bench [NAME...]`: all measurements, or those that are named."""

import resource
import subprocess
import time
from functools import partial
from importlib import import_module
from typing import Annotated

import psutil
import typer
from playwright.sync_api import Error as BrowserError

from loadtests.experiments.bench.findings import RESULTS, BenchFinding, show, write
from loadtests.experiments.bench.measured_server import cores
from loadtests.experiments.bench.sizes import QUICK, BenchSizes
from loadtests.harness.cores import reserved
from results.plain_characters import use_plain_characters
from results.terminal import console
from servers.deploy.child_process import python_module

FILES_WANTED = 16_384  # more than the connections of any leg
FAILURES = (RuntimeError, OSError, ValueError, psutil.Error, BrowserError)
"""Void, ConnectionLost and ChildFailed are RuntimeErrors; a median of nothing is a ValueError."""
NAMES = (
    "fan_out",
    "long_poll_wake",
    "empty_polls",
    "idle_memory",
    "many_connections",
    "growth",
    "demo_page",
    "explorer_page",
)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(NAMES)}; all by default.")] = None,
    quick: Annotated[bool, typer.Option(help="Once, with small numbers: to see that it runs.")] = False,
) -> None:
    """Measure the servers against the least that could do the same job."""
    if unknown := sorted(set(names or ()) - set(NAMES)):
        raise typer.BadParameter(f"expected any of {', '.join(NAMES)}; got {', '.join(unknown)}")
    raise_file_limit()
    sizes = QUICK if quick else BenchSizes()
    findings: list[BenchFinding] = []
    path = RESULTS / f"bench-{time.strftime('%Y%m%dT%H%M%S')}.json"
    typer.echo(f"Each measurement is written to {path} as soon as it is over.", err=True)
    with reserved(cores(), partial(typer.echo, err=True)):
        for name in names or NAMES:
            typer.echo(f"{name} ...", err=True)
            findings += measured(name, sizes)
            write(findings, path, quick)
    show(console(), findings)
    if quick:
        typer.echo("Quick: it runs; the figures mean nothing.")
    typer.echo(f"Written to {path}")
    if any(finding.grows_with for finding in findings):  # a process of its own: load tests import no notebooks
        subprocess.run(python_module("notebooks.analysis", "growth", str(path)), check=True)


def measured(name: str, sizes: BenchSizes) -> list[BenchFinding]:
    """Return the findings of a measurement; if it fails, a void one, so that those of the others are kept."""
    try:
        return list(import_module(f"loadtests.experiments.bench.{name}").measure(sizes))
    except FAILURES as reason:
        return [BenchFinding(name, "", [], voids=[f"{reason}"])]


def raise_file_limit() -> None:
    """Let this process, and those it starts, hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
