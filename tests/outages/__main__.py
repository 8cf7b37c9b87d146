"""Let each deployment fail, and report: `python -m tests.outages`, about ten minutes.

Exits with 1 after a loss, a duplicate or a wrong order, or if an outage could not be measured. It writes
results/reference/outages.json; the READMEs of the deployments quote it. The order is drawn for each repeat, so that
other work of the machine does not disturb the same outage each time.
"""

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import stamina.instrumentation
import typer

from clients.errors import ClientError
from loadtests.harness import manifest
from loadtests.harness.children import NotMeasured
from loadtests.harness.cores import Cores
from loadtests.reports.trials import Row, Trial, keep
from results.explorer import REFERENCE
from results.plain_characters import use_plain_characters
from results.schema import OUTAGES as COLUMNS
from results.schema import OUTAGES_FILE
from servers.deploy.child_process import ChildFailed
from tests.outages.outages import OUTAGE_S, OUTAGES, Outage, run_outage
from tests.outages.outcome import LATE_S
from tests.outages.people import Size


def main(
    repeats: Annotated[int, typer.Option(min=1, help="How often each outage is repeated.")] = 3,
    only: Annotated[str, typer.Option(help="Only outages whose name has this in it.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = REFERENCE,
) -> None:
    """Let every deployment fail in several ways, and record what it cost its users."""
    size = Size()
    planned = list(trials(repeats, only, size))
    if not planned:
        raise typer.BadParameter(f"--only: no outage has {only!r} in its name: {', '.join(map(str, OUTAGES))}")
    if only and out.resolve() == REFERENCE:
        raise typer.BadParameter("--only would replace the whole record of the reference: name another folder by --out")
    stamina.instrumentation.set_on_retry_hooks([])  # each attempt to reconnect would be a line of its own
    record: dict[str, Any] = {
        "made_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": manifest.commit(),
        "machine": manifest.machine(),
        "versions": manifest.versions(),
        "command": " ".join(["python -m tests.outages", *sys.argv[1:]]),
        "size": asdict(size),
        "repeats": repeats,
        "late_after_s": LATE_S,
        "outage_s": OUTAGE_S,
        "push_service": manifest.push_service(),
    }
    sys.exit(keep(planned, record, {"outages": COLUMNS}, out / OUTAGES_FILE, Cores(None, None)))


def trials(repeats: int, only: str, size: Size) -> Iterator[Trial]:
    """Yield the outages, each repeat in an order of its own."""
    rng = random.Random(1)
    for repeat in range(repeats):
        for outage in rng.sample(OUTAGES, len(OUTAGES)):
            if only in str(outage):
                key: Row = {"deployment": outage.deployment.name, "failure": outage.name, "repeat": repeat}
                yield Trial("outages", key, partial(measure, outage, size))


def measure(outage: Outage, size: Size) -> Row:
    """Return the figures of a row of `results.schema.OUTAGES`; raises NotMeasured."""
    load = round(os.getloadavg()[0], 2)
    try:
        return {"machine_load": load, **asyncio.run(run_outage(outage, size))}
    except (ClientError, ChildFailed, httpx.HTTPError) as error:
        raise NotMeasured(f"{outage}: {error!r}") from error


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
