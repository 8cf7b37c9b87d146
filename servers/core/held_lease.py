"""The lease that an open request, stream or socket holds. When the lease ends, the wait for events ends, too.

Teaches how to end a wait from outside without a task that watches for it: the waiting block is a timeout, and `end`
moves its deadline to now. A block that does not wait at that moment (it sends an acknowledgement) still completes.
"""

import asyncio
from types import TracebackType

from servers.core.errors import NotJoined, Unauthenticated

ENDED = "your connection has left the room, or its lease has ended; join again"


class HeldLease:
    """One open request, stream or socket of a connection. holder: the id of a stream or socket in the store."""

    __slots__ = ("blocks", "ended", "holder")

    def __init__(self) -> None:
        self.ended = False
        self.holder = ""
        self.blocks: dict[asyncio.Timeout, float] = {}

    def end(self) -> None:
        """End every waiting `required` block, now and from now on."""
        if self.ended:
            return
        self.ended = True
        now_s = asyncio.get_running_loop().time()
        for block, grace_s in self.blocks.items():
            if not block.expired():
                block.reschedule(now_s + grace_s)

    def required(self, token_left_s: float, grace_s: float = 0.0) -> "Required":
        """Return a context: its waiting block raises NotJoined if the lease ends, Unauthenticated if the token does.

        grace_s: how long the block may go on after that, to say why it ends.
        """
        left_s = 0.0 if self.ended else token_left_s
        return Required(self, asyncio.timeout(left_s + grace_s), grace_s)


class Required:
    """A block that requires a lease: a class, since a generator would cost each of a thousand held polls 5 us."""

    __slots__ = ("_block", "_grace_s", "_held")

    def __init__(self, held: HeldLease, block: asyncio.Timeout, grace_s: float) -> None:
        self._held = held
        self._block = block
        self._grace_s = grace_s

    async def __aenter__(self) -> None:
        await self._block.__aenter__()
        self._held.blocks[self._block] = self._grace_s

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._held.blocks[self._block]
        try:
            await self._block.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._held.ended:
                raise NotJoined(ENDED) from None
            raise Unauthenticated("token: expired; log in again") from None
