"""Let each deployment fail, and report: `python -m tests.outages`, about ten minutes. Exits with 1 after a loss.

It writes results/reference/outages.json; the READMEs of the deployments quote it. The order is drawn for each repeat,
so that whatever else the machine does meanwhile does not fall on the same outage each time.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import stamina.instrumentation
import typer

from loadtests.harness import manifest
from results.plain_characters import use_plain_characters
from results.schema import OUTAGES_FILE
from tests.outages.outages import OUTAGE_S, OUTAGES, Outage, run_outage
from tests.outages.outcome import LATE_S, Outcome
from tests.outages.people import Size

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def main(
    repeats: Annotated[int, typer.Option(min=1, help="How often each outage is repeated.")] = 3,
    only: Annotated[str, typer.Option(help="Only outages whose name has this in it.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = REFERENCE,
) -> None:
    """Let every deployment fail in every way, and record what it cost its users."""
    stamina.instrumentation.set_on_retry_hooks([])  # each attempt to reconnect would be a line of its own
    size = Size()
    record = {
        "made_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": manifest.commit(),
        "machine": manifest.machine(),
        "versions": manifest.versions(),
        "machine_load": [round(load, 2) for load in os.getloadavg()],
        "command": "python -m tests.outages",
        "size": asdict(size),
        "repeats": repeats,
        "late_after_s": LATE_S,
        "outage_s": OUTAGE_S,
        "push_service": manifest.push_service(),
    }
    rows = sorted(rows_of(repeats, only, size), key=lambda row: (row["deployment"], row["failure"], row["repeat"]))
    path = out / OUTAGES_FILE
    path.write_text(json.dumps({**record, "outages": rows}, indent=1) + "\n", encoding="utf-8")
    print(path)
    sys.exit(any(row["lost"] for row in rows))


def rows_of(repeats: int, only: str, size: Size) -> Iterator[dict[str, Any]]:
    """Run the outages, each repeat in an order of its own; yield the row of each, and print it."""
    chance = random.Random(1)
    for repeat in range(repeats):
        for outage in chance.sample(OUTAGES, len(OUTAGES)):
            if only in str(outage):
                load = os.getloadavg()[0]
                row = row_of(outage, repeat, asyncio.run(run_outage(outage, size)), load)
                print(f"{outage} {repeat}: {row}", flush=True)
                yield row


def row_of(outage: Outage, repeat: int, result: Outcome, machine_load: float) -> dict[str, Any]:
    """Return a row of `results.schema.OUTAGES`."""
    key = {"deployment": outage.deployment.name, "failure": outage.name, "repeat": repeat}
    return {**key, "machine_load": round(machine_load, 2), **result}


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
