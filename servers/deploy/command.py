"""`python -m servers deploy <deployment>`: a whole deployment on this machine, with what a host would do for it.

Prints one JSON line when all of it is ready, and another after each change of a process: what happened, and the
process ids by role. SIGHUP deploys a new version: the code that is on disk then.
"""

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated

import typer

from servers.deploy import deployments
from servers.deploy.deployment_processes import START, DeploymentSettings, provisioned_log
from servers.deploy.serverless import profiles
from servers.deploy.supervisor import Supervisor
from servers.standard_streams import print_ready


def deploy(
    deployment: Annotated[str, typer.Argument(help=f"One of {deployments.NAMES}.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port that clients use; 0 takes a free one.")] = 8000,
    store: Annotated[str, typer.Option(help="A URL; or redis, postgresql or sqlite, which is then started too.")] = "",
    profile: Annotated[str, typer.Option(help=f"The serverless host: {profiles.NAMES}.")] = "fluid-2026",
    server_options: Annotated[str, typer.Option(help="Options for each server, such as '--lease 10'.")] = "",
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input closes.")] = False,
) -> None:
    """Run one of the three deployments on this machine."""
    with ExitStack() as stack:
        try:
            chosen = deployments.find(deployment)
            profiles.find(profile)
            os.environ.setdefault("CHAT_SECRET", secrets.token_urlsafe(32))
            url, pids = provisioned_log(store or chosen.store, stack)
            settings = DeploymentSettings(port, url, tuple(shlex.split(server_options)), profile)
            outside = {**pids, "supervisor": os.getpid()}
            supervisor = stack.enter_context(Supervisor(lambda change: _report(change, supervisor.pids | outside)))
            address = START[chosen.name](supervisor, settings)
        except (ValueError, RuntimeError, OSError) as error:
            raise typer.BadParameter(str(error)) from error
        facts = {"deployment": chosen.name, "transport": chosen.transport, "store": url.partition(":")[0]}
        print_ready(address, {**facts, "pids": supervisor.pids | outside, "parts": supervisor.addresses})
        supervisor.run(attached)


def _report(change: str, pids: Mapping[str, int]) -> None:
    typer.echo(json.dumps({"happened": change, "pids": pids}))
