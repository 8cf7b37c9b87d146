"""What waits for a client of the fallbacks: lines for its next request, and never more than so many frames and bytes.

What crosses the wire: lines of SockJS's framing, `a[...]` for frames and `c[code,reason]` for the end.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from servers.pusher_service import frames
from servers.pusher_service.limits import Limits
from servers.socket_writer import TextFrame

HEARTBEAT_S = 25.0


def closing_line(code: int, reason: str) -> str:
    """Return the line that closes a connection."""
    return f"c{frames.as_json([code, reason])}\n"


def frame_line(text: str) -> str:
    """Return the line that carries a frame."""
    return f"a{frames.as_json([text])}\n"


class HttpOutbox:
    """The lines on their way to one client: what `Outbox` is to a socket.

    receivers: how many requests wait for them; detached_at_s: when the last of those ended, on the loop's clock.
    """

    def __init__(self, limits: Limits) -> None:
        self.is_closed = False
        self.receivers = 0
        self.detached_at_s = 0.0
        self._limits = limits
        self._lines: deque[str] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._receiver = object()

    def put(self, frame: TextFrame) -> bool:
        """Add a frame; never waits. Returns False when the client lags too far and is being closed for it."""
        if self.is_closed:
            return True
        line, limits = frame_line(frame.payload.decode()), self._limits
        if len(self._lines) >= limits.backlog_messages_max or self._bytes + len(line) > limits.backlog_bytes_max:
            self.close(frames.RECONNECT, "too slow: reconnect and catch up")
            return False
        self._add(line)
        return True

    def close(self, code: int, reason: str) -> None:
        """Close the connection by its next line; drops the others."""
        if not self.is_closed:
            self._lines.clear()
            self._add(closing_line(code, reason))
            self.stop()

    def stop(self) -> None:
        """Take no more frames, and let the request that waits end."""
        self.is_closed = True
        self._arrived.set()

    async def lines(self) -> AsyncGenerator[str]:
        """Yield lines as they come, until the connection is closed, or until another request receives them."""
        me = self._receiver = object()
        self._arrived.set()  # so that the request that has received so far looks up
        self.receivers += 1
        try:
            while self._receiver is me:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._arrived.wait()
                except TimeoutError:
                    yield "h\n"
                if self._receiver is me:
                    self._arrived.clear()
                    text, self._bytes = "".join(self._lines), 0
                    self._lines.clear()
                    if text:
                        yield text
                    if self.is_closed:
                        return
        finally:
            self.receivers -= 1
            self.detached_at_s = asyncio.get_running_loop().time()

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._bytes += len(line)
        self._arrived.set()
