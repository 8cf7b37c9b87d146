"""The counters of our own servers, read from `GET /stats` of the API and of the push service.

Leaves out the connections of the readings themselves.
"""

from typing import Any

from loadtests.accounts.cell import Reading
from loadtests.harness.children import Overloaded
from loadtests.harness.server_probe import Server
from servers.stats import RESPONSE_S, read_stats

NO_TRAFFIC = {"received": 0, "sent": 0}
NO_SERVICE: dict[str, Any] = {"wire": {"http": NO_TRAFFIC, "websocket": NO_TRAFFIC, "connections_open": 1}}


class ServerCounters:
    """The counters of an API and of its push service, if that is ours."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __call__(self) -> Reading:
        """Wait for the counters; raises Overloaded if none come in time."""
        server = self._server
        try:
            api = read_stats(server.address, authority=server.authority)
            service = read_stats(server.push_service, authority=server.authority) if server.push_service else NO_SERVICE
        except TimeoutError:
            raise Overloaded(f"the server did not send its counters within {RESPONSE_S:g} s") from None
        to_clients = (api["wire"]["http"], api["wire"]["websocket"], service["wire"]["websocket"])
        return {
            **{f"requests_{purpose}": count for purpose, count in api["requests"].items()},
            "command_frames": api["command_frames"],
            "empty_answers": api["empty_answers"],
            "server_up_bytes": sum(wire["received"] for wire in to_clients),
            "server_down_bytes": sum(wire["sent"] for wire in to_clients),
            "publish_bytes": sum(service["wire"]["http"].values()),
            "connections": api["wire"]["connections_open"] + service["wire"]["connections_open"] - 2,
        }
