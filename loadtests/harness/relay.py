"""A TCP relay with a known delay: `python -m loadtests.harness.relay --to 127.0.0.1:8000 --delay-ms 20`.

`servers.deploy.relay` says what is modelled. Prints one JSON line when it listens, and another with the bytes that it
carried when standard input closes. With `--record` it then also writes every piece to a file.
"""

import asyncio
import json
import os
import threading
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from uvicorn.loops.auto import auto_loop_factory

from loadtests.harness.proxy_relay import ProxyRelay
from results.plain_characters import use_plain_characters
from servers.deploy.relay import Relay

STDIN = 0


async def _run(relay: Relay, record: Path | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with relay:
        print(json.dumps({"address": relay.address, "pid": os.getpid()}), flush=True)
        threading.Thread(target=_await_eof, args=(partial(loop.call_soon_threadsafe, stop.set),), daemon=True).start()
        await stop.wait()
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
    record: Annotated[Path | None, typer.Option(help="File for a record of every piece, as JSON.")] = None,
    refuse_upgrades: Annotated[bool, typer.Option("--refuse-upgrades", help="Let no WebSocket through.")] = False,
    buffer: Annotated[bool, typer.Option("--buffer", help="Let no upgrade through, and no response in parts.")] = False,
) -> None:
    """Pass TCP connections on, with a delay."""
    delay_s, recording = delay_ms / 1000, record is not None
    if refuse_upgrades or buffer:
        relay: Relay = ProxyRelay(lambda: to, delay_s, recording, buffer)
    else:
        relay = Relay(lambda: to, None, delay_s, recording)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_run(relay, record))


if __name__ == "__main__":
    use_plain_characters()
    typer.run(main)
