"""The frames between clients and a push service: Pusher Channels, protocol 7, as much as a chat needs. No I/O.

What crosses the wire: `pusher:connection_established`, one signed `pusher:subscribe`, then events, and now and then a
`pusher:ping`. Source: https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/.
"""

from typing import Any

from msgspec import Struct


class Frame(Struct, frozen=True, omit_defaults=True):
    """One envelope. `data` of a channel's event is a string that holds JSON."""

    event: str
    data: Any = None
