"""The processes of the three deployments, on this machine, and `python -m servers deploy <deployment>`, which runs one.

Teaches how little the three share. One is a single process that holds the connections and the log. The other two have
functions for the API and a shared log. Their connections are held by a push service, or by a WebSocket server of one's
own; beside that, the API is the short-polling server, whose requests never wait. The push service is our stand-in. If
the PUSHER_* variables name another one, the deployment starts none.

The command prints one JSON line when all of it is ready, and another after each change of a process: what happened, and
the process ids by role. SIGHUP deploys a new version: the code that is on disk then.
"""

import json
import os
import secrets
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import typer

from servers.addresses import bracketed
from servers.core.auth import shared_secret
from servers.core.settings import RenewedBy
from servers.core.store import EMBEDDED, is_embedded
from servers.deploy import deployments
from servers.deploy.child_process import LOOPBACK, free_port
from servers.deploy.empty_database import empty_database
from servers.deploy.serverless import profiles
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor
from servers.links import Link
from servers.standard_streams import print_ready


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """store: the log's URL. server_options: for each server of ours. profile: the serverless host of its API."""

    port: int
    store: str
    server_options: tuple[str, ...] = ()
    profile: str = "fluid-2026"

    def function(self, slug: str) -> list[str]:
        """Return the command that hosts a transport's server as a serverless function over the store."""
        if is_embedded(self.store):
            raise ValueError(f"store: only one process may use {self.store}, and functions are many; name redis")
        command = ["servers.deploy.serverless", slug, "--profile", self.profile, "--store", self.store]
        return [*command, "--server-options", shlex.join(self.server_options)]

    def server(self, slug: str) -> list[str]:
        """Return the command that runs a transport's server over the store, as a process that stays."""
        return ["servers", slug, "--store", self.store, *self.server_options]


def start_pusher_and_serverless(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the push service, if it is ours, and the host of the API; return the API's address."""
    port = settings.port or free_port()
    command = settings.function("pusher_adapter")
    webhook = webhook_of(settings.server_options, port)
    env = {} if names_service() else start_stand_in(supervisor, webhook)
    return supervisor.start("api", command, Renewal.SIGHUP, port=port, env=env)


def start_separate_websocket_server(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the host of the API and the WebSocket server; return the latter's address, which is all clients need."""
    api = supervisor.start("api", settings.function("short_polling"), Renewal.SIGHUP)
    command = [*settings.server("raw_websocket"), "--api", api]
    return supervisor.start("websocket_server", command, Renewal.OVERLAP, port=settings.port)


def start_single_server(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the server; return its address. One process may open a file, so a new version waits for the old one."""
    renewal = Renewal.STOP_FIRST if is_embedded(settings.store) else Renewal.OVERLAP
    return supervisor.start("server", settings.server("raw_websocket"), renewal, port=settings.port)


START: Mapping[str, Callable[[Supervisor, DeploymentSettings], str]] = {
    "pusher-and-serverless": start_pusher_and_serverless,
    "separate-websocket-server": start_separate_websocket_server,
    "single-server": start_single_server,
}
"""What starts each deployment, and returns the address that clients use; raises ValueError, ChildFailed."""


def webhook_of(options: Sequence[str], port: int, host: str = LOOPBACK) -> str:
    """Return where an API with these options takes webhooks; empty if it takes none."""
    reachable = LOOPBACK if host in ("0.0.0.0", "::") else bracketed(host)
    is_asked = f"--presence {RenewedBy.WEBHOOK}" in " ".join(options).replace("=", " ")
    return f"http://{reachable}:{port}/pusher/webhook" if is_asked else ""


def names_service() -> bool:
    """Return whether the environment names a push service, even if variables are missing."""
    return any(os.environ.get(f"PUSHER_{name}") for name in ("APP_ID", "KEY", "SECRET", "HOST", "CLUSTER"))


def start_stand_in(supervisor: Supervisor, webhook: str = "", link: Link = Link.PLAIN) -> dict[str, str]:
    """Start a push service of ours; return the variables by which an API finds it. webhook: the URL that it calls."""
    credentials = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    command = ["servers.pusher_service", "--link", link, "--webhook", webhook]
    url = urlsplit(supervisor.start("push_service", command, Renewal.NEVER, env=credentials))
    tls = "1" if url.scheme == "https" else "0"
    return {**credentials, "PUSHER_HOST": str(url.hostname), "PUSHER_PORT": str(url.port), "PUSHER_TLS": tls}


def provisioned_log(store: str, stack: ExitStack) -> tuple[str, Mapping[str, int]]:
    """Return a log's URL, and the process id of an engine that was started for it.

    store: a URL, or the name of an engine or of an embedded store, used until the stack ends. Raises NotStarted,
    ValueError.
    """
    if "://" in store:
        return store, {}
    if store in EMBEDDED:
        return f"{store}:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='deployment-'))}/chat.db", {}
    url, facts = stack.enter_context(empty_database(store))
    return url, facts["pids"]


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
            options = tuple(shlex.split(server_options))
            if "://" not in store:  # nobody else uses the one that is started
                os.environ.setdefault("CHAT_SECRET", secrets.token_urlsafe(32))
            elif not is_embedded(store):
                shared_secret()
            url, pids = provisioned_log(store or chosen.store, stack)
            settings = DeploymentSettings(port, url, options, profile)
            other_pids = {**pids, "supervisor": os.getpid()}
            supervisor = stack.enter_context(Supervisor(lambda change: _report(change, supervisor.pids | other_pids)))
            address = START[chosen.name](supervisor, settings)
        except (ValueError, RuntimeError, OSError) as error:
            raise typer.BadParameter(str(error)) from error
        facts = {"deployment": chosen.name, "transport": chosen.transport, "store": url.partition(":")[0]}
        print_ready(address, {**facts, "pids": supervisor.pids | other_pids, "parts": supervisor.addresses})
        supervisor.run(attached)


def _report(change: str, pids: Mapping[str, int]) -> None:
    typer.echo(json.dumps({"happened": change, "pids": pids}))
