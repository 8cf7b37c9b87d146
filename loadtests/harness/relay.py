"""A TCP relay with a known delay: `python -m loadtests.harness.relay --to 127.0.0.1:8000 --delay-ms 20`.

`servers.deploy.relay` says what is modelled. Prints one JSON line when it listens, and another with the bytes that it
carried when standard input closes. With `--record` it then also writes every piece to a file. On request it acts as an
HTTP proxy that supports no WebSocket, and perhaps no streaming.

Teaches why clients of push services have fallbacks. What crosses the wire: requests without the Upgrade field, which a
proxy may not forward (RFC 9110, section 7.6.1), so that the server takes an upgrade for any other request; and, if the
proxy is buffering, chunked responses only once they have ended. Leaves out headers in several pieces.
"""

import asyncio
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from uvicorn.loops.auto import auto_loop_factory

from results.plain_characters import use_plain_characters
from servers.deploy.relay import Relay

UPGRADE = re.compile(rb"\r\nUpgrade:[^\r]*", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\nTransfer-Encoding: *chunked", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"


class ProxyRelay(Relay):
    """A relay that acts as an HTTP proxy. buffering: whether it keeps a chunked response until its end."""

    def __init__(self, target: Callable[[], str], delay_s: float, recording: bool, buffering: bool) -> None:
        super().__init__(target, None, delay_s, recording)
        self._buffering = buffering
        self._unsent: defaultdict[int, bytes] = defaultdict(bytes)

    def passed_on(self, connection: int, data: bytes, *, up: bool) -> bytes:
        """Count and record a piece; return what to pass on now: of this piece, and of earlier ones that were kept."""
        data = super().passed_on(connection, data, up=up)
        if up:
            return UPGRADE.sub(b"", data)
        self._unsent[connection] += data
        if self._buffering and CHUNKED.search(self._unsent[connection]) and not data.endswith(LAST_CHUNK):
            return b""
        return self._unsent.pop(connection)


STDIN = 0


async def _run(relay: Relay, record: Path | None) -> None:
    """Relay until standard input closes."""
    stopping = asyncio.Event()

    def stop_at_eof() -> None:
        if not os.read(STDIN, 4096):
            stopping.set()

    async with relay:
        print(json.dumps({"address": relay.address, "pid": os.getpid()}), flush=True)
        asyncio.get_running_loop().add_reader(STDIN, stop_at_eof)
        await stopping.wait()
    if record is not None:
        await asyncio.to_thread(record.write_text, json.dumps(relay.pieces), encoding="utf-8")
    print(json.dumps(relay.carried), flush=True)


def main(
    to: Annotated[str, typer.Option(help="HOST:PORT to pass everything on to.")],
    delay_ms: Annotated[float, typer.Option(min=0, max=10_000, help="One-way delay, milliseconds.")] = 0.0,
    record: Annotated[Path | None, typer.Option(help="File for a record of every piece, as JSON.")] = None,
    refuse_upgrades: Annotated[bool, typer.Option("--refuse-upgrades", help="Let no WebSocket through.")] = False,
    buffer: Annotated[bool, typer.Option("--buffer", help="Let no upgrade through, and no response in parts.")] = False,
) -> None:
    """Pass TCP connections on, with a delay."""
    recording = record is not None
    if refuse_upgrades or buffer:
        relay: Relay = ProxyRelay(lambda: to, delay_ms / 1000, recording, buffer)
    else:
        relay = Relay(lambda: to, None, delay_ms / 1000, recording)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(relay, record))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
