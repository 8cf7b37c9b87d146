"""The line between one window and one server: TCP passed on, late if asked to, and not at all while it is cut.

Teaches what a cut is to programs: connections that end without a word, and others that cannot be opened. Everything
arrives in order, a constant time after it was sent, each way; what was under way when the line was cut is lost.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
PIECE_BYTES = 65_536
UNDER_WAY_MAX = 1024
"""Pieces that may be under way on one connection; whoever sends more waits, as on a full line."""

Piece = tuple[float, bytes]


class Link:
    """A port of its own that leads to a server. delay_s: one way."""

    _server: asyncio.Server

    def __init__(self, target: Callable[[], str]) -> None:
        """Prepare a link, which carries nothing until it is `laid`. target: tells where the server is now."""
        self._target = target
        self.delay_s = 0.0
        self._is_cut = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    @classmethod
    async def laid(cls, target: Callable[[], str]) -> Self:
        """Return a link that listens. Raises OSError."""
        link = cls(target)
        link._server = await asyncio.start_server(link._accept, HOST, 0)
        return link

    @property
    def address(self) -> str:
        """What to use instead of the target."""
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    @is_cut.setter
    def is_cut(self, is_cut: bool) -> None:
        """End every connection without a word, and let none be opened; or let them be opened again."""
        self._is_cut = is_cut
        if is_cut:
            for end in self._ends:
                end.transport.abort()

    async def close(self) -> None:
        """Listen no more, and drop every connection; waits until all are gone."""
        self._server.close()
        self.is_cut = True
        await asyncio.gather(*self._carrying)

    def _accept(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(from_client, to_client))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        host, _, port = self._target().removeprefix("http://").rpartition(":")
        try:
            if self.is_cut:
                raise ConnectionAbortedError
            from_server, to_server = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError):  # the server is not there, or nowhere yet
            to_client.transport.abort()
            return
        ends = {to_client, to_server}
        self._ends |= ends
        with suppress(ExceptionGroup):  # an end that fails takes the other with it
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(from_client, to_server, opened_s=now_s()))
                tasks.create_task(self._pump(from_server, to_client))
        self._ends -= ends
        for end in ends:
            end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, opened_s: float = 0.0) -> None:
        """Pass everything on, each piece at its moment; the end of one side is told to the other.

        What a client says waits for the connection to be opened, which takes a round trip of its own.
        """
        under_way: asyncio.Queue[Piece] = asyncio.Queue(UNDER_WAY_MAX)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hand_over(under_way, sink))
            data = b"anything"
            while data:
                data = await source.read(PIECE_BYTES)
                sent_s = max(now_s(), opened_s + 2 * self.delay_s)
                await under_way.put((sent_s + self.delay_s, data))


async def hand_over(under_way: asyncio.Queue[Piece], sink: asyncio.StreamWriter) -> None:
    """Write each piece when it is due, until an empty one says that the sender has ended."""
    while True:
        due_s, data = await under_way.get()
        if (left_s := due_s - now_s()) > 0:
            await asyncio.sleep(left_s)
        if not data:
            if not sink.is_closing():
                sink.write_eof()
            return
        sink.write(data)
        await sink.drain()


def now_s() -> float:
    """Return the event loop's monotonic clock."""
    return asyncio.get_running_loop().time()
