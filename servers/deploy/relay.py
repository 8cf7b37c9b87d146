"""A TCP relay between clients and a server, which can delay what it passes on, record it, and be cut.

Teaches what distance and a cut are to programs. Distance: everything arrives a constant time after it was sent, each
way, in order, and connecting costs a round trip. A cut: connections that end, and others that cannot be opened; bytes
in flight when the relay is cut are lost.

Modelled: one-way delay; the round trip that connecting costs; half-close; resets. Not modelled: loss, jitter,
bandwidth, TLS, slow start, that a client learns of its connection a round trip later, and the silence of a cut network.
Its own error, with 50 connections on a busy machine of two cores: late by 0.1 ms a transit at no delay and by 0.3 ms at
20 ms (medians), never early. It costs 35 to 75 us of CPU time per message.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, Self
from weakref import WeakSet

from servers.deploy.child_process import LOOPBACK
from servers.deploy.delayed_link import End, Pipe, Timetable

BACKLOG = 1024


class Relay:
    """A port of its own that leads to a server, as an async context manager. delay_s: one way, from now on.

    carried: how many bytes so far. pieces: all of them, if they are recorded; `up` means to the server, and bytes stand
    as Latin-1.
    """

    def __init__(
        self,
        target: Callable[[], str],
        listener: socket.socket | None = None,
        delay_s: float = 0.0,
        recording: bool = False,
    ) -> None:
        """target: returns the server's address as it is now. listener: a socket to listen on, which stays open."""
        self._target = target
        self._listener = listener.dup() if listener else socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay_s = delay_s
        self._is_cut = False
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends: WeakSet[End] = WeakSet()
        self._connections = count()
        self._recording = recording
        self.pieces: list[dict[str, Any]] = []
        self.carried = {"up_bytes": 0, "down_bytes": 0}

    @property
    def address(self) -> str:
        """What to use instead of the target."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    @is_cut.setter
    def is_cut(self, is_cut: bool) -> None:
        """Abort every connection, and refuse new ones; or let them be opened again."""
        self._is_cut = is_cut
        if is_cut:
            for end in self._ends:
                if end.transport is not None:
                    end.transport.abort()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._timetable = Timetable(loop)
        self._server = await loop.create_server(self._accept, sock=self._listener, backlog=BACKLOG)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Listen no more, and abort every connection; waits until all are gone."""
        self._server.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        self.is_cut = True
        self._timetable.close()
        await asyncio.sleep(0)  # transports close their sockets in the loop's next turn

    def _accept(self) -> End:
        """Make both ends of a new link.

        Over a real one the client may first send after a round trip, in which its SYN is answered; the server a transit
        later, when that answer is acknowledged (RFC 9293 section 3.5).
        """
        number = next(self._connections)
        client = End(partial(self.passed_on, number, up=True))
        server = End(partial(self.passed_on, number, up=False))
        self._ends |= {client, server}
        answered_s = perf_counter() + 2 * self.delay_s
        Pipe(client, server, self._timetable, lambda: self.delay_s, open_s=answered_s)
        Pipe(server, client, self._timetable, lambda: self.delay_s, open_s=answered_s + self.delay_s)
        task = asyncio.create_task(self._connect(client, server))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return client

    async def _connect(self, client: End, server: End) -> None:
        """Connect to the target; one that refuses, or has no address yet, resets the client, and so does a cut."""
        host, _, port = self._target().removeprefix("http://").rpartition(":")
        try:
            if self.is_cut:
                raise ConnectionAbortedError
            await asyncio.get_running_loop().create_connection(lambda: server, host, int(port))
        except (OSError, ValueError):
            server.outgoing.deliver(End.reset)
        else:
            if client.is_gone:  # cut meanwhile
                server.reset()

    def passed_on(self, connection: int, data: bytes, *, up: bool) -> bytes:
        """Count and record a piece; return what is passed on of it."""
        self.carried["up_bytes" if up else "down_bytes"] += len(data)
        if self._recording:
            piece = {"connection": connection, "up": up, "at_s": perf_counter(), "data": data.decode("latin-1")}
            self.pieces.append(piece)
        return data
