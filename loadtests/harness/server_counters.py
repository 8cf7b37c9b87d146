"""The counters of our own servers, read from `GET /stats` of the API and of the push service.

Teaches that a reading must not change what it reads: the requests made here, and their bytes, are subtracted.
"""

import json
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from loadtests.accounts.cell import Reading
from loadtests.harness.children import Overloaded
from loadtests.harness.server_probe import Server

RESPONSE_S = 10.0
NO_TRAFFIC = {"received": 0, "sent": 0}
NO_WIRE: dict[str, Any] = {"http": NO_TRAFFIC, "websocket": NO_TRAFFIC, "connections_open": 0}


class StatsReader:
    """`GET /stats` of one server, without what reading it costs."""

    def __init__(self, address: str, authority: str) -> None:
        """authority: see `Server`."""
        url = urlsplit(address)
        self._tls = ssl.create_default_context(cafile=authority) if authority else None
        self._endpoint = (url.hostname, url.port)
        self._request = f"GET /stats HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode()
        self._sent = self._received = 0

    def read(self) -> dict[str, Any]:
        """Read on a connection of its own; waits for the response, and raises Overloaded if none comes.

        The server counts the bytes of a response only after it has made it.
        """
        try:
            with self._connected() as connection:
                connection.sendall(self._request)
                response = b"".join(iter(lambda: connection.recv(65_536), b""))
        except TimeoutError:
            raise Overloaded(f"the server did not send its counters within {RESPONSE_S:g} s") from None
        stats: dict[str, Any] = json.loads(response.partition(b"\r\n\r\n")[2])
        self._sent += len(self._request)
        stats["wire"]["http"]["received"] -= self._sent
        stats["wire"]["http"]["sent"] -= self._received
        stats["wire"]["connections_open"] -= 1
        self._received += len(response)
        return stats

    def _connected(self) -> socket.socket:
        connection = socket.create_connection(self._endpoint, RESPONSE_S)
        return self._tls.wrap_socket(connection, server_hostname=self._endpoint[0]) if self._tls else connection


class ServerCounters:
    """The counters of an API and of its push service, if that is ours."""

    def __init__(self, server: Server) -> None:
        self._api = StatsReader(server.address, server.authority)
        self._push_service = StatsReader(server.push_service, server.authority) if server.push_service else None

    def __call__(self) -> Reading:
        api = self._api.read()
        service = self._push_service.read() if self._push_service else {"wire": NO_WIRE}
        to_clients = (api["wire"]["http"], api["wire"]["websocket"], service["wire"]["websocket"])
        return {
            **{f"requests_{purpose}": count for purpose, count in api["requests"].items()},
            "command_frames": api["command_frames"],
            "empty_answers": api["empty_answers"],
            "server_up_bytes": sum(wire["received"] for wire in to_clients),
            "server_down_bytes": sum(wire["sent"] for wire in to_clients),
            "publish_bytes": sum(service["wire"]["http"].values()),
            "connections": api["wire"]["connections_open"] + service["wire"]["connections_open"],
        }
