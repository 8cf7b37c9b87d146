"""Run the push service: `python -m servers.pusher_service --port 8300`.

Teaches what a customer of a push service is given: an app id, a key and a secret. They come from the environment, since
arguments are visible to every user of the machine. Prints one JSON line when it listens.

With `--workers 2 --redis redis://127.0.0.1:6379` it is several processes, which share their channels over Redis.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from servers.deploy.workers import Workers, held_port
from servers.pusher_service.app import create_app
from servers.pusher_service.limits import Settings
from servers.pusher_service.signatures import Credentials
from servers.serving import HttpSettings, print_ready, replace_unencodable, run, serve

DEFAULTS = Settings()
VARIABLES = ("PUSHER_APP_ID", "PUSHER_KEY", "PUSHER_SECRET")


def credentials_from(environ: Mapping[str, str]) -> Credentials:
    """Read the credentials; raises typer.BadParameter, naming the variables that are missing."""
    missing = [name for name in VARIABLES if not environ.get(name)]
    if missing:
        raise typer.BadParameter(f"set {', '.join(missing)} in the environment: the service and its API share them")
    app_id, key, secret = (environ[name] for name in VARIABLES)
    if not (app_id.isascii() and app_id.isdigit()):
        raise typer.BadParameter(f"expected PUSHER_APP_ID to be digits, as the official libraries do, got {app_id!r}")
    return Credentials(app_id, key, secret)


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve; several need --redis.")] = 1,
    redis: Annotated[str, typer.Option(help="Where the workers share channels: redis://host:port/database.")] = "",
    worker_lease_s: Annotated[
        float, typer.Option(min=0.1, help="How long a worker that was killed still counts, seconds.")
    ] = DEFAULTS.worker_lease_s,
    shares_port: Annotated[bool, typer.Option("--shares-port", hidden=True, help="This is one of several.")] = False,
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input closes.")] = False,
    activity_timeout_s: Annotated[int, typer.Option(min=1, help="Silence after which a client is pinged.")] = 120,
    pong_wait_s: Annotated[float, typer.Option(min=0.1, help="How long a pinged client has to answer.")] = 30.0,
) -> None:
    """Serve a stand-in for Pusher Channels, for the application that the environment names."""
    settings = Settings(activity_timeout_s=activity_timeout_s, pong_wait_s=pong_wait_s, worker_lease_s=worker_lease_s)
    credentials = credentials_from(os.environ)
    if workers > 1 and not redis:
        raise typer.BadParameter(
            f"--workers {workers} need --redis redis://host:port: without it each has channels alone"
        )
    if redis and not shares_port:
        check(redis, settings)
    if workers > 1 and not shares_port:
        supervise(workers, host, port, attached)
        return

    def ready(address: str) -> None:
        print_ready(address, {"pid": os.getpid()})

    app = create_app(credentials, settings, redis or None)
    http = HttpSettings()
    try:
        run(serve(app, host=host, port=port, http=http, on_ready=ready, attached=attached, reuse_port=shares_port))
    except OSError as error:
        raise typer.BadParameter(str(error)) from None


def supervise(count: int, host: str, port: int, attached: bool) -> None:
    """Run this same command in several processes behind one port, until told to stop."""

    def ready(facts: Mapping[str, Any], workers: list[int]) -> None:
        print_ready(facts["address"], {"pid": os.getpid(), "workers": workers})

    with held_port(host, port) as number:
        command = ["servers.pusher_service", *sys.argv[1:], "--port", str(number), "--shares-port"]
        Workers(command, count).run(ready, attached)


def check(url: str, settings: Settings) -> None:
    """Open a line to Redis and close it again; raises typer.BadParameter, naming what is wrong."""
    from servers.pusher_service.redis_line import ConnectionLost, opened

    async def reach() -> None:
        async with opened(url, lambda *_: None, settings.redis_answer_s):
            pass

    try:
        asyncio.run(reach())
    except (ConnectionLost, ValueError) as error:
        raise typer.BadParameter(f"--redis: {error}; expected redis://host:port of a Redis 7 that runs") from error


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
