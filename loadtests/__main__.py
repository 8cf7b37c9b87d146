"""Measure the transports: `python -m loadtests compare`.

Exit status: 0 when every acknowledged message reached every recipient exactly once, on every transport; 1 when not, or
when a transport could not be measured; 130 after Ctrl-C. A load generator that lagged makes a verdict suspect or void,
and is told, but does not fail the command: that is the machine's fault, not the servers'.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtests.compare import compare_in_full, compare_transports
from loadtests.report import print_scenarios
from loadtests.scenarios import CONVERSATION, SCENARIOS
from loadtests.scenarios import find as find_scenario
from servers.transports import TRANSPORTS, find

SLUGS = ", ".join(row.slug for row in TRANSPORTS)
NAMES = ", ".join(row.name for row in SCENARIOS)
FULL = "full"
UNSAID = "; as in the scenario if not said"
app = typer.Typer(add_completion=False, help=(__doc__ or "").splitlines()[0])


@app.callback()
def main() -> None:
    """Load tests of the transports."""


@app.command()
def scenarios() -> None:
    """List what can be measured: each scenario, its question and its loads."""
    print_scenarios(Console(highlight=False))


@app.command()
def compare(
    transport: Annotated[
        list[str] | None, typer.Option(help=f"One of {SLUGS}; repeat for several, all if none.")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help=f"One of {NAMES}; {CONVERSATION.name} if none, or all of them with --full.")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, max=2000, help=f"Users in all{UNSAID}.")] = None,
    room_size: Annotated[int | None, typer.Option(min=1, help=f"Users per room{UNSAID}.")] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, max=100, help=f"Messages per second that each user sends, on average{UNSAID}."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, max=3600, help=f"Seconds measured per transport and load{UNSAID}.")
    ] = None,
    poll: Annotated[
        float | None,
        typer.Option(min=0.05, max=60, help=f"Seconds that a short poller sleeps after each answer{UNSAID}."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help=f"Seed of the senders' schedules; the same for all{UNSAID}.")
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Every scenario (or the one named) on every transport, repeated; up to two hours. The same command "
            "takes up a run that was interrupted.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder in which the run's own folder is made.")] = Path("results"),
) -> None:
    """Compare the transports under the same load, one after the other; by default this takes under three minutes."""
    asked = {
        "users": users,
        "room_size": room_size,
        "rate_per_s": rate,
        "measured_s": seconds,
        "poll_interval_s": poll,
        "seed": seed,
    }
    try:
        chosen = [row for row in TRANSPORTS if not transport or row in map(find, transport)]
        named = [find_scenario(scenario)] if scenario else list(SCENARIOS) if full else [CONVERSATION]
        wanted = [row.changed({name: value for name, value in asked.items() if value is not None}) for row in named]
        for load in (load for row in wanted for load in row.workloads):
            if load.users % load.room_size:
                raise ValueError(f"--users {load.users} is not a multiple of --room-size {load.room_size}: fill rooms")
        if full:
            raise typer.Exit(compare_in_full(wanted, chosen, out / FULL))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(compare_transports(wanted[0], chosen, out))


if __name__ == "__main__":
    app()
