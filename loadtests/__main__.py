"""Measure the transports with `python -m loadtests`: compare, calibrate, capture, shared_store, deployments, hosted.

Exit status: 0 when every acknowledged event reached every recipient exactly once, on every transport; 1 when not, or
when a transport could not be measured; 130 after Ctrl-C. A load generator that lagged makes a verdict suspect or void,
which is printed, but does not fail the command: that is the machine's fault, not the servers'.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from loadtests import choices
from loadtests.compare import compare_in_full, compare_transports
from loadtests.experiments.calibration.command import calibrate as run_calibration
from loadtests.experiments.capture.command import capture as run_capture
from loadtests.experiments.deployments.command import measure_deployments
from loadtests.experiments.hosted.command import measure_hosts
from loadtests.experiments.shared_store.command import measure_shared_store
from loadtests.harness.provisioned_store import EMBEDDED, SHARED, StoreChoice
from loadtests.plan.workload import LINKS, PLAIN
from loadtests.reports.report import print_scenarios
from loadtests.reports.run_folder import AnotherRun
from loadtests.scenarios import CONVERSATION, SCENARIOS
from loadtests.targets.target import OurServers
from results import terminal
from results.plain_characters import use_plain_characters
from servers.deploy.child_process import python_module
from servers.deploy.deployments import NAMES as DEPLOYMENTS
from servers.transports import TRANSPORTS

SLUGS = ", ".join(row.slug for row in TRANSPORTS)
NAMES = ", ".join(row.name for row in SCENARIOS)
FULL = "full"
DEFAULT = "; by default as in the scenario"


def writable(folder: Path) -> Path:
    """Return a folder to which results can be written, or that can be made. Raises typer.BadParameter."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        TemporaryDirectory(dir=nearest).cleanup()
    except OSError:
        trouble = "cannot be written to" if nearest.is_dir() else "is no folder"
        raise typer.BadParameter(f"{folder}: nothing can be kept there, since {nearest} {trouble}") from None
    return folder


RecordFolder = Annotated[Path, typer.Option(help="Folder for the record.", callback=writable)]
Slugs = Annotated[list[str] | None, typer.Option(help=f"One of {SLUGS}; repeat for several, all if none.")]
Quick = Annotated[bool, typer.Option(help="Once, with small numbers: a preview.")]
ScenarioName = Annotated[
    str | None,
    typer.Option(help=f"One of {NAMES}; {CONVERSATION.name} if none, or all but the optional ones with --full."),
]
Users = Annotated[int | None, typer.Option(min=1, max=2000, help=f"Users in all{DEFAULT}.")]
EQUAL = ", or the largest equal rooms below that if users do not fill them"
RoomSize = Annotated[int | None, typer.Option(min=1, help=f"Users per room{DEFAULT}{EQUAL}.")]
Rate = Annotated[
    float | None,
    typer.Option(min=0.001, max=100, help=f"Messages per second that each user sends, on average{DEFAULT}."),
]
Seconds = Annotated[
    float | None, typer.Option(min=1, max=3600, help=f"Seconds measured per transport and load{DEFAULT}.")
]
PollInterval = Annotated[
    float | None,
    typer.Option(min=0.05, max=60, help=f"Seconds that a short poller sleeps after each response{DEFAULT}."),
]
Seed = Annotated[int | None, typer.Option(min=0, help=f"Seed of the senders' schedules; the same for all{DEFAULT}.")]
LinkName = Annotated[str | None, typer.Option(help=f"How users reach the servers: {', '.join(LINKS)}{DEFAULT}.")]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Every scenario but the optional ones (or the one named) on every transport, repeated; about two hours. "
        "The same command resumes a run that was interrupted.",
    ),
]
Preview = Annotated[bool, typer.Option("--quick", help="All transports within a minute: a preview, not a measurement.")]
StoreName = Annotated[
    str,
    typer.Option(help=f"{EMBEDDED}; or {' or '.join(SHARED)}, whose engine is started here; or its URL if it runs."),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes that serve; an embedded store allows one.")]
DeploymentName = Annotated[
    str, typer.Option(help=f"Measure a deployment as it stands, with the transport that it serves: {DEPLOYMENTS}.")
]
Generators = Annotated[
    str,
    typer.Option(help="Load generator processes, led by Locust's master process; auto: one per core that is free."),
]
RunsFolder = Annotated[Path, typer.Option(help="Folder in which the run's own folder is made.", callback=writable)]
app = typer.Typer(add_completion=False, help=(__doc__ or "").splitlines()[0])


@app.command()
def scenarios() -> None:
    """List what can be measured: each scenario, its question and its loads."""
    print_scenarios(terminal.console())


@app.command()
def compare(
    transport: Slugs = None,
    scenario: ScenarioName = None,
    users: Users = None,
    room_size: RoomSize = None,
    rate: Rate = None,
    seconds: Seconds = None,
    poll: PollInterval = None,
    seed: Seed = None,
    link: LinkName = None,
    full: Full = False,
    quick: Preview = False,
    store: StoreName = EMBEDDED,
    workers: Workers = 1,
    deployment: DeploymentName = "",
    generators: Generators = "1",
    out: RunsFolder = Path("results"),
) -> None:
    """Compare the transports under the same load, one after the other; by default about 40 seconds each."""
    given: dict[str, object] = {"users": users, "room_size": room_size, "rate_per_s": rate, "measured_s": seconds}
    given |= {"seed": seed, "poll_interval_s": poll, "link": link}
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        measured = choices.choose_target(deployment, StoreChoice(store, workers))
        chosen = choices.choose_transports(transport or [], measured)
        selected = choices.choose_scenarios(scenario, full, quick, link or PLAIN)
        loads = [choices.with_changes(row, changes) for row in selected]
        processes = choices.choose_generators(generators, loads)
        choices.check_loads(loads, chosen, measured, processes)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not full:
        raise typer.Exit(compare_transports(loads[0], chosen, out, measured, processes))
    folder = FULL if link in (None, PLAIN) else f"{FULL}-{link}"
    try:
        raise typer.Exit(compare_in_full(loads, chosen, out / folder, measured, processes))
    except AnotherRun as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def calibrate(
    transport: Slugs = None,
    users: Annotated[
        list[int] | None, typer.Option(min=10, max=2000, help="Users in all; repeat for several; 50 and 200 if none.")
    ] = None,
    delay: Annotated[
        list[float] | None,
        typer.Option(min=0, help="Milliseconds that the stub holds a message; repeat; 0, 5, 20 and 100 if none."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Seconds measured per transport and load.")] = 12.0,
    link: Annotated[str, typer.Option(help=f"How users reach the stub: {', '.join(LINKS)}.")] = PLAIN,
    out: RecordFolder = Path("results"),
) -> None:
    """Measure the load generator's own error on this machine; about three minutes by default, and resumes."""
    try:
        chosen = choices.choose_transports(transport or [], OurServers())
        choices.check_link(link)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(run_calibration(chosen, users or (50, 200), delay or (0, 5, 20, 100), seconds, out, link))


@app.command()
def capture(
    out: RecordFolder = Path("results"),
    only_pusher_js: Annotated[
        bool, typer.Option("--only-pusher-js", help="Record only the vendor's client again, in the file that is there.")
    ] = False,
) -> None:
    """Record what crosses the wire on each transport while two people talk; takes two minutes."""
    raise typer.Exit(run_capture(out, only_pusher_js))


@app.command("shared_store")
def shared_store(out: RecordFolder = Path("results"), quick: Quick = False) -> None:
    """Measure what a shared store, a second worker and the delay between the two cost; takes about ten minutes."""
    raise typer.Exit(measure_shared_store(out, quick))


@app.command()
def deployments(out: RecordFolder = Path("results"), quick: Quick = False) -> None:
    """Measure the three deployments as they stand, each under the same small load; takes about eight minutes."""
    raise typer.Exit(measure_deployments(out, quick))


@app.command()
def hosted(
    transport: Slugs = None,
    out: RecordFolder = Path("results"),
    quick: Quick = False,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="Of the Pusher adapter: let the push service say who is there.")
    ] = False,
) -> None:
    """Measure what a serverless host does to each transport, and what it bills; takes about two hours, and resumes."""
    try:
        chosen = choices.choose_transports(transport or [], OurServers())
        others = [row.slug for row in chosen if not row.needs_push_service]
        if webhooks and others:
            raise ValueError(f"--webhooks: {', '.join(others)} have no push service; name --transport pusher_adapter")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(measure_hosts(out, quick, chosen, webhooks))


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of another.")],
) -> None:
    """Show two runs side by side: what changed, by how much, and whether that is more than chance."""
    command = python_module("notebooks.analysis", "diff", str(first), str(second))
    raise typer.Exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    use_plain_characters()
    app()
