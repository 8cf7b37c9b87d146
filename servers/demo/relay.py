"""A TCP relay between one client's window and one server, which can delay what it passes on, and be cut.

Teaches what a cut is to programs: connections that end without a word, and others that cannot be opened. Everything
arrives in order, a constant time after it was sent, each way; bytes in flight when the relay is cut are lost.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
READ_BYTES = 65_536
IN_FLIGHT_MAX = 1024
"""Pieces in flight on one connection at most; a sender that is further ahead is not read from."""

Piece = tuple[float, bytes]


class Relay:
    """A port of its own that leads to a server, as an async context manager. delay_s: one way."""

    def __init__(self, target: Callable[[], str], listener: socket.socket | None = None) -> None:
        """target: returns the server's address as it is now. listener: a socket to listen on, which stays open."""
        self._target = target
        self._listener = listener.dup() if listener else socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = 0.0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._relaying: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """What to use instead of the target."""
        return f"http://{HOST}:{self.port}"

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    @is_cut.setter
    def is_cut(self, is_cut: bool) -> None:
        """Abort every connection, and refuse new ones; or let them be opened again."""
        self._is_cut = is_cut
        if is_cut:
            for writer in self._writers:
                writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, sock=self._listener)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Listen no more, and abort every connection; waits until all are gone."""
        self._server.close()
        self.is_cut = True
        await asyncio.gather(*self._relaying)

    def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(client_reader, client_writer))
        self._relaying.add(task)
        task.add_done_callback(self._relaying.discard)

    async def _relay(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target().removeprefix("http://").rpartition(":")
        try:
            if self.is_cut:
                raise ConnectionAbortedError
            server_reader, server_writer = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError):  # no server listens there, or it has no address yet
            client_writer.transport.abort()
            return
        writers = {client_writer, server_writer}
        self._writers |= writers
        with suppress(ExceptionGroup):  # one side that fails ends the other
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pipe(client_reader, server_writer, opened_s=now_s()))
                tasks.create_task(self._pipe(server_reader, client_writer))
        self._writers -= writers
        for writer in writers:
            writer.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened_s: float = 0.0) -> None:
        """Pass everything on, each piece when it is due, and the end of the stream as an empty piece.

        What a client sends waits for the connection to be opened, which takes a round trip of its own.
        """
        in_flight: asyncio.Queue[Piece] = asyncio.Queue(IN_FLIGHT_MAX)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(deliver(in_flight, writer))
            data = b"any"
            while data:
                data = await reader.read(READ_BYTES)
                sent_s = max(now_s(), opened_s + 2 * self.delay_s)
                await in_flight.put((sent_s + self.delay_s, data))


async def deliver(in_flight: asyncio.Queue[Piece], writer: asyncio.StreamWriter) -> None:
    """Write each piece when it is due; the empty one, which is the last, closes this direction."""
    while True:
        due_s, data = await in_flight.get()
        if (left_s := due_s - now_s()) > 0:
            await asyncio.sleep(left_s)
        if not data:
            if not writer.is_closing():
                writer.write_eof()
            return
        writer.write(data)
        await writer.drain()


def now_s() -> float:
    """Return the event loop's monotonic clock."""
    return asyncio.get_running_loop().time()
