"""Measure the transports: `python -m loadtests compare`.

Exit status: 0 when every acknowledged message reached every recipient exactly once, on every transport; 1 when not, or
when a transport could not be measured; 130 after Ctrl-C. A load generator that lagged makes a verdict suspect or void,
and is told, but does not fail the command: that is the machine's fault, not the servers'.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from loadtests.calibration.command import SLUGS as CALIBRATED
from loadtests.calibration.command import calibrate as run_calibration
from loadtests.compare import compare_transports
from loadtests.peers import DIALECTS, Peer, transports_of
from loadtests.scenarios import CONVERSATION
from servers.transports import TRANSPORTS, find

SLUGS = ", ".join(row.slug for row in TRANSPORTS)
app = typer.Typer(add_completion=False, help=(__doc__ or "").splitlines()[0])


@app.callback()
def main() -> None:
    """Load tests of the four transports."""


@app.command()
def compare(
    transport: Annotated[
        list[str] | None, typer.Option(help=f"One of {SLUGS}; repeat for several, all if none.")
    ] = None,
    users: Annotated[int, typer.Option(min=1, max=2000, help="Users in all.")] = CONVERSATION.users,
    room_size: Annotated[int, typer.Option(min=1, help="Users per room.")] = CONVERSATION.room_size,
    rate: Annotated[
        float, typer.Option(min=0.001, max=100, help="Messages per second that each user sends, on average.")
    ] = CONVERSATION.rate_per_s,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds measured per transport.")
    ] = CONVERSATION.measured_s,
    poll: Annotated[
        float, typer.Option(min=0.05, max=60, help="Seconds that a short poller sleeps after each answer.")
    ] = CONVERSATION.poll_interval_s,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the senders' schedules; the same for all.")
    ] = CONVERSATION.seed,
    out: Annotated[Path, typer.Option(help="Folder in which the run's own folder is made.")] = Path("results"),
    dialect: Annotated[
        str, typer.Option(help=f"Measure a server that nobody here wrote, and that speaks this: {', '.join(DIALECTS)}.")
    ] = "",
    against: Annotated[
        str, typer.Option(help="Address of that server, if it runs already; if none, one is started here.")
    ] = "",
    pid: Annotated[
        list[int] | None, typer.Option(help="Its process, to have its CPU time and memory read; repeat for several.")
    ] = None,
) -> None:
    """Compare the transports under the same load, one after the other; by default this takes under three minutes."""
    if users % room_size:
        raise typer.BadParameter(f"--users {users} is not a multiple of --room-size {room_size}: fill every room")
    if (against or pid) and not dialect:
        raise typer.BadParameter(f"--against and --pid need --dialect: one of {', '.join(DIALECTS)}")
    try:
        rows = transports_of(dialect) if dialect else TRANSPORTS
        slugs = {find(slug).slug for slug in transport or ()}
        if strange := slugs - {row.slug for row in rows}:
            raise ValueError(f"{dialect} has no {', '.join(sorted(strange))}")
        chosen = [row for row in rows if not slugs or row.slug in slugs]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    scenario = replace(
        CONVERSATION,
        users=users,
        room_size=room_size,
        rate_per_s=rate,
        measured_s=seconds,
        poll_interval_s=poll,
        seed=seed,
    )
    peer = Peer(dialect, against.rstrip("/"), tuple(pid or ())) if dialect else None
    raise typer.Exit(compare_transports(scenario, chosen, out, peer))


@app.command()
def calibrate(
    transport: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CALIBRATED)}; repeat for several, all if none.")
    ] = None,
    users: Annotated[
        list[int] | None, typer.Option(min=10, max=2000, help="Users in all; repeat for several; 50 and 200 if none.")
    ] = None,
    delay: Annotated[
        list[float] | None,
        typer.Option(min=0, help="Milliseconds that the stub holds a message; repeat; 0, 5, 20 and 100 if none."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Seconds measured per transport and load.")] = 12.0,
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = Path("results"),
) -> None:
    """State the load generator's own error on this machine; by default this takes about two minutes."""
    if unknown := sorted(set(transport or ()) - set(CALIBRATED)):
        raise typer.BadParameter(f"expected any of {', '.join(CALIBRATED)}; got {', '.join(unknown)}")
    chosen = [find(slug) for slug in transport or CALIBRATED]
    raise typer.Exit(run_calibration(chosen, users or (50, 200), delay or (0, 5, 20, 100), seconds, out))


if __name__ == "__main__":
    app()
