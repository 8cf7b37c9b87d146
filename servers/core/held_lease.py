"""The lease that an open request, stream or socket holds: when it ends, so does the wait that it was for.

Teaches that a wait ended from outside needs no task to watch for it: the block that waits is a timeout without a
deadline, which `end` brings to now. What does not wait at that moment (an acknowledgement, a refusal) still goes out.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servers.core.errors import NotJoined, Unauthenticated

ENDED = "your connection has left the room, or its lease has ended; join again"


class HeldLease:
    """One open request, stream or socket of a connection."""

    __slots__ = ("_blocks", "ended")

    def __init__(self) -> None:
        self.ended = False
        self._blocks: dict[asyncio.Timeout, float] = {}

    def end(self) -> None:
        """End every `required` block that waits, now and from now on."""
        self.ended = True
        now_s = asyncio.get_running_loop().time()
        for block, grace_s in self._blocks.items():
            block.reschedule(now_s + grace_s)

    @asynccontextmanager
    async def required(self, token_left_s: float, grace_s: float = 0.0) -> AsyncIterator[None]:
        """Raise NotJoined in a block that waits when the lease ends, Unauthenticated when the token expires.

        grace_s: how long the block may go on after that, to say why it ends.
        """
        try:
            async with asyncio.timeout((0.0 if self.ended else token_left_s) + grace_s) as block:
                self._blocks[block] = grace_s
                try:
                    yield
                finally:
                    del self._blocks[block]
        except TimeoutError:
            if not block.expired():
                raise
            if self.ended:
                raise NotJoined(ENDED) from None
            raise Unauthenticated("token: expired; log in again") from None
