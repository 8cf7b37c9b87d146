"""A relay that does to connections what an HTTP proxy does that knows no WebSocket, and perhaps no stream.

Teaches why clients of push services have fallbacks. What crosses the wire: requests without Upgrade, which belongs to
one connection and may not be forwarded (RFC 9110, section 7.6.1), so that a server answers an upgrade as any other
request; and, if the proxy is buffering, chunked responses once they have ended. Leaves out headers in several pieces.
"""

import re
from collections import defaultdict
from collections.abc import Callable

from servers.deploy.relay import Relay

UPGRADE = re.compile(rb"\r\nUpgrade:[^\r]*", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\nTransfer-Encoding: *chunked", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"


class ProxyRelay(Relay):
    """buffering: it keeps a chunked response until that has ended."""

    def __init__(self, target: Callable[[], str], delay_s: float, recording: bool, buffering: bool) -> None:
        super().__init__(target, None, delay_s, recording)
        self._buffering = buffering
        self._kept: defaultdict[int, bytes] = defaultdict(bytes)

    def passed_on(self, connection: int, data: bytes, *, up: bool) -> bytes:
        """Count and record a piece; return what is passed on of it, and of those before it."""
        data = super().passed_on(connection, data, up=up)
        if up:
            return UPGRADE.sub(b"", data)
        self._kept[connection] += data
        if self._buffering and CHUNKED.search(self._kept[connection]) and not data.endswith(LAST_CHUNK):
            return b""
        return self._kept.pop(connection)
