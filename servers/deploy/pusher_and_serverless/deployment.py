"""Functions for the API, a push service for the connections, and a shared store, on one machine.

The push service is our stand-in, unless the PUSHER_* variables name one: then it is none of this deployment's parts.
"""

import os
import secrets
from collections.abc import Sequence

from servers.addresses import bracketed
from servers.core.settings import RenewedBy
from servers.deploy.child_process import LOOPBACK, free_port
from servers.deploy.deployment_settings import DeploymentSettings
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor


def start(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the push service, if it is ours, and the host of the API; return the API's address."""
    port = settings.port or free_port()
    webhook = webhook_of(settings.server_options, port)
    env = {} if os.environ.get("PUSHER_KEY") else stand_in(supervisor, webhook)
    return supervisor.start("api", settings.function("pusher_adapter"), Renewal.SIGHUP, port=port, env=env)


def webhook_of(options: Sequence[str], port: int, host: str = LOOPBACK) -> str:
    """Return where an API with these options takes webhooks; empty if it takes none."""
    reachable = LOOPBACK if host in ("0.0.0.0", "::") else bracketed(host)
    is_asked = f"--presence {RenewedBy.WEBHOOK}" in " ".join(options).replace("=", " ")
    return f"http://{reachable}:{port}/pusher/webhook" if is_asked else ""


def stand_in(supervisor: Supervisor, webhook: str = "") -> dict[str, str]:
    """Start a push service of ours; return the variables by which an API finds it. webhook: where it reports to."""
    given = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    command = ["servers.pusher_service", *(["--webhook", webhook] if webhook else [])]
    address = supervisor.start("push_service", command, Renewal.NEVER, env=given)
    host, _, port = address.removeprefix("http://").partition(":")
    return {**given, "PUSHER_HOST": host, "PUSHER_PORT": port}
