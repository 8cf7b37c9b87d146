"""A TCP relay that records what passes: `python -m loadtests.experiments.capture.recorder --to HOST:PORT --notes FILE`.

Passes TCP connections on as they are, and notes every piece that it carries: on which connection, which way, when, and
the bytes themselves. Prints one JSON line when it listens; writes its notes, and ends, when standard input closes.
"""

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from results.plain_characters import use_plain_characters

HOST = "127.0.0.1"
STDIN = 0
READ_BYTES = 65_536


class Recorder:
    """Notes: for each piece its connection, whether it goes up to the server, its moment, and its bytes as Latin-1."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._connections = 0
        self.notes: list[dict[str, Any]] = []

    async def carry(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        """Pass one connection on until both sides have ended."""
        number, self._connections = self._connections, self._connections + 1
        try:
            server_in, server_out = await asyncio.open_connection(self._host, int(self._port))
        except OSError:
            client_out.transport.abort()
            return
        await asyncio.gather(
            self._pump(client_in, server_out, number, up=True), self._pump(server_in, client_out, number, up=False)
        )

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, number: int, *, up: bool) -> None:
        with suppress(OSError):
            while data := await source.read(READ_BYTES):
                note = {"connection": number, "up": up, "at_s": perf_counter(), "data": data.decode("latin-1")}
                self.notes.append(note)
                sink.write(data)
                await sink.drain()
            sink.write_eof()


async def record(target: str, notes: Path) -> None:
    """Listen until standard input closes; raises OSError."""
    recorder, stopping = Recorder(target), asyncio.Event()
    listening = await asyncio.start_server(recorder.carry, HOST, 0)
    asyncio.get_running_loop().add_reader(STDIN, stopping.set)
    port = listening.sockets[0].getsockname()[1]
    print(json.dumps({"address": f"http://{HOST}:{port}", "pid": os.getpid()}), flush=True)
    await stopping.wait()
    listening.close()
    await asyncio.to_thread(notes.write_text, json.dumps(recorder.notes), encoding="utf-8")


def main(
    to: Annotated[str, typer.Option(help="HOST:PORT to pass everything on to.")],
    notes: Annotated[Path, typer.Option(help="File for what was heard.")],
) -> None:
    """Pass TCP connections on, and note what they carry."""
    asyncio.run(record(to, notes))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
