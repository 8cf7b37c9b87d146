"""Functions for the API, a WebSocket server of one's own for the connections, and a shared store, on one machine.

The API is that of short polling, whose clients it never sees: of all our servers it is the one without anything to wait
for, and so what a function should be.
"""

from servers.deploy.deployment_settings import DeploymentSettings
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor


def start(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the host of the API and the WebSocket server; return the latter's address, which is all clients need."""
    api = supervisor.start("api", settings.function("short_polling"), Renewal.SIGHUP)
    command = [*settings.server("raw_websocket"), "--api", api]
    return supervisor.start("websocket_server", command, Renewal.OVERLAP, port=settings.port)
