"""Drill each deployment, and report: `python -m tests.outages`, about ten minutes. Exits with 1 if a message was lost.

It writes results/reference/drills.json, and the tables in the READMEs of the options.
The order is drawn for each repeat, so that what else the machine does is no one drill's alone.
"""

import asyncio
import os
import random
import sys
from typing import Annotated

import stamina.instrumentation
import typer

from results.plain_characters import use_plain_characters
from servers.deploy.deployments import OPTIONS
from tests.outages import report, told
from tests.outages.outages import DRILLS, Size, drill


def main(
    repeats: Annotated[int, typer.Option(min=1, help="How often each drill is done.")] = 3,
    only: Annotated[str, typer.Option(help="Only drills whose name has this in it.")] = "",
) -> None:
    """Let every deployment fail in every way, and write down what it cost its users."""
    stamina.instrumentation.set_on_retry_hooks([])  # each attempt to come back would be a line of its own
    size, rows = Size(), []
    made = report.circumstances(size, repeats)
    chance = random.Random(1)
    for repeat in range(repeats):
        for given in chance.sample(DRILLS, len(DRILLS)):
            if only in str(given):
                load = os.getloadavg()[0]
                rows.append(report.row(given, repeat, asyncio.run(drill(given, size)), load))
                print(f"{given} {repeat}: {rows[-1]['lost']} lost; {rows[-1]['sees']}", flush=True)
    rows.sort(key=lambda row: (row["option"], row["drill"], row["repeat"]))
    print(report.write(made, rows))
    for option in OPTIONS:
        path = told.page(option.name)
        text = path.read_text(encoding="utf-8")
        path.write_text(told.with_table(text, {**made, "drills": rows}, option.name), encoding="utf-8")
    sys.exit(any(row["lost"] for row in rows))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
