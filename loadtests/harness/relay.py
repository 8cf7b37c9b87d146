"""A line with a known delay: `python -m loadtests.harness.relay --to 127.0.0.1:8000 --delay-ms 20`.

Teaches what distance does to a transport, on one machine: everything arrives a constant time after it was sent, each
way, in order, and nothing else changes.

Modelled: one-way delay; the round trip that connecting costs (the kernel here answers a SYN at once, so what a client
says within its first round trip waits as if it had waited for that answer); half-close; resets. Not modelled: loss,
jitter, bandwidth, TLS, congestion control's slow start, and that a client learns of its connection a round trip later.

Its own error, with 50 connections on a busy virtual machine of two cores: late by 0.1 ms a transit at no delay and by
0.3 ms at 20 ms (medians), never early. It costs 35 to 75 us of CPU time per message.

Prints one JSON line when it listens, and another with the bytes that it carried when standard input closes.
"""

import asyncio
import json
import os
import threading
from functools import partial
from time import perf_counter
from typing import Annotated
from weakref import WeakSet

import typer
from uvicorn.loops.auto import auto_loop_factory

from loadtests.harness.delayed_link import End, Pipe, Timetable
from results.plain_characters import use_plain_characters

STDIN = 0
BACKLOG = 1024


class Relay:
    """Takes connections, and gives each one of its own to the target. Owns the tasks that connect."""

    def __init__(self, target: str, delay_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._delay_s = delay_s
        self._loop = loop
        self._timetable = Timetable(loop)
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends: WeakSet[End] = WeakSet()
        self.up_bytes = self.down_bytes = 0

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
        """Make both ends of a new link. On a real line either side could speak after one transit more than the last."""
        client, server = End(self._count_up), End(self._count_down)
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

    def _count_up(self, size: int) -> None:
        self.up_bytes += size

    def _count_down(self, size: int) -> None:
        self.down_bytes += size


async def _run(target: str, delay_s: float, host: str, port: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    relay = Relay(target, delay_s, loop)
    listening = await relay.listen(host, port)
    bound_port = listening.sockets[0].getsockname()[1]
    print(json.dumps({"address": f"http://{host}:{bound_port}", "pid": os.getpid()}), flush=True)
    threading.Thread(target=_await_eof, args=(partial(loop.call_soon_threadsafe, stop.set),), daemon=True).start()
    await stop.wait()
    relay.close()
    print(json.dumps({"up_bytes": relay.up_bytes, "down_bytes": relay.down_bytes}), flush=True)


def _await_eof(then: partial[asyncio.Handle]) -> None:
    while os.read(STDIN, 4096):
        pass
    then()


def main(
    to: Annotated[str, typer.Option(help="HOST:PORT to pass everything on to.")],
    delay_ms: Annotated[float, typer.Option(min=0, max=10_000, help="One-way delay, milliseconds.")] = 0.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
) -> None:
    """Pass TCP connections on, with a delay."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(to, delay_ms / 1000, host, port))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
