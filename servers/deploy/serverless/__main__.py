"""Host one of our servers as a function: `python -m servers.deploy.serverless short_polling --profile classic-hobby`.

Prints one JSON line when it is ready. On SIGHUP there is a new version: requests go to new instances from then on. For
the Pusher adapter it starts the stand-in too, unless the PUSHER_* variables name a push service.
"""

import asyncio
import os
import shlex
import signal
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from servers import transports
from servers.__main__ import push_service_address, start_push_service
from servers.core.auth import shared_secret
from servers.core.store import is_embedded
from servers.deploy.child_process import free_port
from servers.deploy.deployment_processes import webhook_of
from servers.deploy.serverless import profiles
from servers.deploy.serverless.host import hosting
from servers.deploy.serverless.profiles import Profile
from servers.standard_streams import STDIN, print_ready, replace_unencodable


def main(
    transport: Annotated[str, typer.Argument(help="The slug of a transport.")],
    profile: Annotated[str, typer.Option(help=f"One of {profiles.NAMES}.")] = "classic-hobby",
    max_duration: Annotated[float | None, typer.Option(min=0.1, help="Seconds after which each call ends.")] = None,
    instances: Annotated[int | None, typer.Option(min=1, help="Processes at most; beyond, 503.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls that one process serves at once.")] = None,
    store: Annotated[str, typer.Option(help="Where the log is kept: a store that processes can share.")] = "",
    server_options: Annotated[str, typer.Option(help="Options for the servers, such as '--hold 5 --lease 10'.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    attached: Annotated[bool, typer.Option("--attached", help="Stop when standard input closes.")] = False,
) -> None:
    """Host one chat over one transport, as a serverless function."""
    with ExitStack() as stack:
        try:
            row = transports.find(transport)
            limits = profiles.find(profile)
            limits = replace(
                limits,
                max_duration_s=max_duration or limits.max_duration_s,
                instances_max=instances or limits.instances_max,
                concurrency=concurrency or limits.concurrency,
            )
            url = shared_store(store, limits, stack)
            options = shlex.split(server_options)
            port = port or free_port()
            webhook = webhook_of(options, port)
            pids = {"api": os.getpid()} | (start_push_service(stack, webhook) if row.needs_push_service else {})
            command = ["servers", row.slug, "--port", "0", "--store", url, "--on-demand", *options]
            asyncio.run(_host(command, limits, port, row.slug, pids, attached))
        except (ValueError, RuntimeError, OSError) as error:
            raise typer.BadParameter(str(error)) from error


def shared_store(url: str, limits: Profile, stack: ExitStack) -> str:
    """Return the store's URL; raises ValueError if several instances could not share it, or have no secret to share."""
    if limits.instances_max > 1 and (not url or is_embedded(url)):
        raise ValueError(
            f"--store {url or '(none)'}: only one process may use an embedded store; name one that up to "
            f"{limits.instances_max} instances can share, or have --instances 1"
        )
    if url and not is_embedded(url):
        shared_secret()
    return url or f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='chat-'))}/chat.db"


async def _host(
    command: list[str], limits: Profile, port: int, slug: str, pids: dict[str, int], attached: bool
) -> None:
    facts: dict[str, Any] = {"transport": slug, **push_service_address(pids)}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def on_input() -> None:
        if not os.read(STDIN, 4096):
            loop.remove_reader(STDIN)  # which is always readable from now on
            stop.set()

    if attached:
        loop.add_reader(STDIN, on_input)
    async with hosting(command, limits, port=port, facts=facts) as (address, renew):
        loop.add_signal_handler(signal.SIGHUP, renew)
        print_ready(address, {**facts, "pids": pids, "settings": asdict(limits)})
        await stop.wait()


if __name__ == "__main__":
    replace_unencodable()
    typer.run(main)
