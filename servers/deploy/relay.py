"""A TCP relay between clients and a server. It can delay and record all data, and it can be cut.

Teaches what programs see of distance and of a cut. Distance: everything arrives a constant time after it was sent, each
way, in order, and connecting costs a round trip. A cut: connections end, new ones cannot be opened, and bytes in flight
are lost.

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

    carried: how many bytes were relayed. pieces: all data, if `recording`; `up` means to the server, and bytes are
    written as Latin-1.
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
        """The address that clients use instead of the target."""
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

        On a real link the client can first send after a round trip, when its SYN is answered, and the server half a
        round trip later, when that answer is acknowledged (RFC 9293 section 3.5).
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
        """Connect to the target. Reset the client if the target refuses or has no address yet, or if there is a cut."""
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
        """Count and record a piece of data; return the data to pass on."""
        self.carried["up_bytes" if up else "down_bytes"] += len(data)
        if self._recording:
            piece = {"connection": connection, "up": up, "at_s": perf_counter(), "data": data.decode("latin-1")}
            self.pieces.append(piece)
        return data
