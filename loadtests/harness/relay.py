"""A TCP relay with a known delay: `python -m loadtests.harness.relay --to 127.0.0.1:8000 --delay-ms 20`.

Teaches what distance does to a transport, on one machine: everything arrives a constant time after it was sent, each
way, in order, and nothing else changes.

Modelled: one-way delay; the round trip that connecting costs (the kernel here answers a SYN at once, so what a client
sends within its first round trip waits as if it had waited for that answer); half-close; resets. Not modelled: loss,
jitter, bandwidth, TLS, congestion control's slow start, and that a client learns of its connection a round trip later.

Its own error, with 50 connections on a busy virtual machine of two cores: late by 0.1 ms a transit at no delay and by
0.3 ms at 20 ms (medians), never early. It costs 35 to 75 us of CPU time per message.

Prints one JSON line when it listens, and another with the bytes that it carried when standard input closes. With
`--record` it then also writes every piece to a file: its connection, its direction, when it came, and its bytes.
"""

import asyncio
import json
import os
import threading
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any
from weakref import WeakSet

import typer
from uvicorn.loops.auto import auto_loop_factory

from loadtests.harness.delayed_link import End, Pipe, Timetable
from results.plain_characters import use_plain_characters

STDIN = 0
BACKLOG = 1024


class Relay:
    """Accepts connections, and opens one of its own to the target for each. Owns the tasks that connect.

    pieces: all that was carried, if it is recorded; `up` means to the server, and bytes stand as Latin-1.
    """

    def __init__(self, target: str, delay_s: float, loop: asyncio.AbstractEventLoop, recording: bool = False) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._delay_s = delay_s
        self._loop = loop
        self._timetable = Timetable(loop)
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends: WeakSet[End] = WeakSet()
        self._connections = count()
        self._recording = recording
        self.pieces: list[dict[str, Any]] = []
        self.carried = {"up_bytes": 0, "down_bytes": 0}

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Listen; raises OSError."""
        return await self._loop.create_server(self._accept, host, port, backlog=BACKLOG)

    def close(self) -> None:
        """Stop delivering, and drop every link."""
        self._timetable.close()
        for task in self._connecting:
            task.cancel()
        for end in self._ends:
            if end.transport is not None:
                end.transport.abort()

    def _accept(self) -> End:
        """Make both ends of a new link. Over a real one each side could first send a transit later than the other."""
        number = next(self._connections)
        client = End(partial(self._count, number, up=True))
        server = End(partial(self._count, number, up=False))
        self._ends |= {client, server}
        answered_s = perf_counter() + 2 * self._delay_s
        Pipe(client, server, self._timetable, self._delay_s, open_s=answered_s)
        Pipe(server, client, self._timetable, self._delay_s, open_s=answered_s + self._delay_s)
        task = self._loop.create_task(self._connect(client, server))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return client

    async def _connect(self, client: End, server: End) -> None:
        """Connect to the target; one that refuses resets the client."""
        try:
            await self._loop.create_connection(lambda: server, self._host, int(self._port))
        except OSError:
            if not client.is_gone:
                client.reset()

    def _count(self, connection: int, data: bytes, *, up: bool) -> None:
        self.carried["up_bytes" if up else "down_bytes"] += len(data)
        if self._recording:
            piece = {"connection": connection, "up": up, "at_s": perf_counter(), "data": data.decode("latin-1")}
            self.pieces.append(piece)


async def _run(target: str, delay_s: float, host: str, port: int, record: Path | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    relay = Relay(target, delay_s, loop, record is not None)
    server = await relay.listen(host, port)
    bound_port = server.sockets[0].getsockname()[1]
    print(json.dumps({"address": f"http://{host}:{bound_port}", "pid": os.getpid()}), flush=True)
    threading.Thread(target=_await_eof, args=(partial(loop.call_soon_threadsafe, stop.set),), daemon=True).start()
    await stop.wait()
    relay.close()
    if record is not None:
        await asyncio.to_thread(record.write_text, json.dumps(relay.pieces), encoding="utf-8")
    print(json.dumps(relay.carried), flush=True)


def _await_eof(then: partial[asyncio.Handle]) -> None:
    while os.read(STDIN, 4096):
        pass
    then()


def main(
    to: Annotated[str, typer.Option(help="HOST:PORT to pass everything on to.")],
    delay_ms: Annotated[float, typer.Option(min=0, max=10_000, help="One-way delay, milliseconds.")] = 0.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    record: Annotated[Path | None, typer.Option(help="File for a record of every piece, as JSON.")] = None,
) -> None:
    """Pass TCP connections on, with a delay."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(to, delay_ms / 1000, host, port, record))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
