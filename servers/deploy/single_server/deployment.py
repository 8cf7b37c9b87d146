"""One process that holds the connections and the log, on one machine."""

from servers.deploy.deployment_settings import DeploymentSettings
from servers.deploy.supervised_part import Renewal
from servers.deploy.supervisor import Supervisor


def start(supervisor: Supervisor, settings: DeploymentSettings) -> str:
    """Start the server; return its address. A file is one process's alone, so a new version waits for the old one."""
    renewal = Renewal.OVERLAP if settings.is_shared else Renewal.STOP_FIRST
    return supervisor.start("server", settings.server("raw_websocket"), renewal, port=settings.port)
