"""Option 3 on one machine: one process that holds the lines and the log."""

from servers.deploy.deployment_settings import DeploymentSettings
from servers.deploy.supervisor import Deployment, Renewal


def start(deployment: Deployment, plan: DeploymentSettings) -> str:
    """Start the server; return its address. A file is one process's alone, so a new version waits for the old one."""
    renewal = Renewal.OVERLAP if plan.is_shared else Renewal.STOP_FIRST
    return deployment.start("server", plan.server("raw_websocket"), renewal, port=plan.port)
