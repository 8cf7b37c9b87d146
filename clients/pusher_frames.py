"""The frames between clients and a push service: Pusher Channels, protocol 7, as much as a chat needs. No I/O.

What crosses the wire: `pusher:connection_established`, one signed `pusher:subscribe`, then events, and now and then a
`pusher:ping`. Source: https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/.
"""

from typing import Any

from msgspec import Struct


class ServiceAddress(Struct, frozen=True):
    """Where the push service is, the response to `GET /pusher/service`. An empty host means the cluster's own."""

    key: str
    cluster: str
    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        host = self.host or f"ws-{self.cluster}.pusher.com"
        scheme = "wss" if self.tls else "ws"
        return f"{scheme}://{host}:{self.port}/app/{self.key}?protocol=7&client=push-or-poll&version=1.0"


class Frame(Struct, frozen=True, omit_defaults=True):
    """One envelope. `data` of a channel's event is a string that holds JSON."""

    event: str
    data: Any = None
