"""Functions for the API, a push service for the connections, and a shared store, on one machine.

The push service is our stand-in, unless the PUSHER_* variables name one: then it is none of this deployment's parts.
"""

import os
import secrets

from servers.deploy.deployment_settings import DeploymentSettings
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor


def start(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the push service, if it is ours, and the host of the API; return the API's address."""
    env = {} if os.environ.get("PUSHER_KEY") else stand_in(supervisor)
    return supervisor.start("api", settings.function("pusher_adapter"), Renewal.SIGHUP, port=settings.port, env=env)


def stand_in(supervisor: Supervisor) -> dict[str, str]:
    """Start a push service of ours; return the variables by which an API finds it."""
    given = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    address = supervisor.start("push_service", ["servers.pusher_service"], Renewal.NEVER, env=given)
    host, _, port = address.removeprefix("http://").partition(":")
    return {**given, "PUSHER_HOST": host, "PUSHER_PORT": port}
