"""A relay in front of a server, whose line a test can cut and mend."""

import asyncio
import socket
from contextlib import suppress
from typing import Self


class Relay:
    """Passes bytes between clients and one target. An async context manager; `address` is where clients connect."""

    def __init__(self, target: str, listener: socket.socket | None = None) -> None:
        """target: address of the server. listener: a socket that listens already, and stays open for the next relay."""
        self._host, _, port = target.removeprefix("http://").partition(":")
        self._port = int(port)
        self._listener = listener.dup() if listener else socket.create_server(("127.0.0.1", 0))
        self._writers: set[asyncio.StreamWriter] = set()
        self._relaying: set[asyncio.Task[None]] = set()
        self._whole = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, sock=self._listener)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"http://{host}:{port}"
        self.port: int = port
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.cut()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._relaying, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, and every new one until `mend`."""
        self._whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._relaying.add(task)
        task.add_done_callback(self._relaying.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            out_reader, out_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:  # nobody is there just now, which the client may find out
            writer.transport.abort()
            return
        self._writers |= {writer, out_writer}
        try:
            await asyncio.gather(_pipe(reader, out_writer), _pipe(out_reader, writer))
        finally:
            for end in (writer, out_writer):
                end.transport.abort()
                self._writers.discard(end)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either end is gone; the end of one direction ends both."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
