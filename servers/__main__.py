"""Start a chat server: `python -m servers raw_websocket --store sqlite:///chat.db`.

Prints one JSON line when it is ready: its address, its process ids by role, and its settings. The Pusher adapter starts
the local stand-in for the push service as a second process, unless the PUSHER_* variables name a service. With
`--workers`, this process serves nothing itself: it starts as many of the same command behind one port, and tends them.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from servers import transports
from servers.core.auth import Tokens, shared_secret, signing_secret
from servers.core.chat import Chat
from servers.core.clock import SystemClock
from servers.core.settings import Settings
from servers.core.store import EMBEDDED, open_store
from servers.core.stores.sqlite import path_of
from servers.deploy.processes import started
from servers.deploy.workers import Workers, held_port
from servers.fellow_workers import FellowWorkers
from servers.http_routes import own_stats
from servers.pages import chat_pages
from servers.serving import UVICORN_DEFAULTS, HttpSettings, announce, run, serve

DEFAULTS = Settings()
SLUGS = ", ".join(row.slug for row in transports.TRANSPORTS)
Seconds = Annotated[float, typer.Option(min=0.01, help="Seconds.")]


def main(
    transport: Annotated[str, typer.Argument(help=f"One of {SLUGS}.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    store: Annotated[str, typer.Option(help="Where the log is kept; a temporary file by default.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve; an embedded store allows one.")] = 1,
    lease: Annotated[float, typer.Option(min=0.1, help="Seconds a user stays online after a sign of life.")] = (
        DEFAULTS.lease_s
    ),
    hold: Annotated[float, typer.Option(min=0.1, help="Seconds a long poll is held at most.")] = DEFAULTS.hold_s,
    typing: Annotated[float, typer.Option(min=0.1, help="Seconds a typing notice stays true.")] = DEFAULTS.typing_s,
    log_in: Annotated[float, typer.Option(min=0.1, help="Seconds a fresh socket has to join.")] = DEFAULTS.log_in_s,
    token: Annotated[float, typer.Option(min=0.1, help="Seconds until a token expires.")] = DEFAULTS.token_s,
    answer_to: Annotated[list[str] | None, typer.Option(help="A further Host name to answer to.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="An origin whose pages may call this server.")] = None,
    web: Annotated[Path | None, typer.Option(help="Serve the browser's client of this folder: clients/web.")] = None,
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="The host runs us only while it has a request.")
    ] = False,
    uvicorn_defaults: Annotated[
        bool, typer.Option(help="Use uvicorn's own keep-alive and compression, as a variant to compare.")
    ] = False,
    frame_once: Annotated[bool, typer.Option(help="Frame each page once for all sockets, not once for each.")] = False,
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes (for a parent process).")] = False,
    fellows: Annotated[Path | None, typer.Option(hidden=True, help="Where workers of one port meet.")] = None,
) -> None:
    """Serve one chat over one transport."""
    settings = Settings(
        lease_s=lease,
        hold_s=hold,
        typing_s=typing,
        log_in_s=log_in,
        token_s=token,
        on_demand=on_demand,
        hosts=tuple(answer_to or ()),
        origins=tuple(origin or ()),
    )
    http = replace(UVICORN_DEFAULTS if uvicorn_defaults else HttpSettings(), frame_once=frame_once)
    with ExitStack() as stack:
        try:
            row = transports.find(transport)
            url = store or f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='chat-'))}/chat.db"
            _check_sharing(url, workers)
            pids = start_push_service(stack) if row.needs_push_service else {}
            if workers > 1 and fellows is None:
                asyncio.run(_check(url))
                _supervise(workers, host, port, pids, attached)
            else:
                listening = Listening(host, port, web, attached, fellows)
                told = {"store": url.partition(":")[0], "workers": workers, **asdict(settings), **http.as_dict()}
                facts = {
                    "transport": row.slug,
                    "pids": {"api": os.getpid(), **pids},
                    "settings": told,
                    **_service(pids),
                }
                run(_serve(row.slug, url, settings, http, listening, facts))
        except (ValueError, RuntimeError, OSError) as error:
            raise typer.BadParameter(str(error)) from error


def start_push_service(stack: ExitStack) -> dict[str, int]:
    """Start the stand-in unless PUSHER_KEY names a service, point the PUSHER_* variables at it; return its pid."""
    if "PUSHER_KEY" in os.environ:
        return {}
    credentials = {"PUSHER_APP_ID": "1", "PUSHER_KEY": secrets.token_hex(8), "PUSHER_SECRET": secrets.token_hex(16)}
    running = stack.enter_context(started(["servers.pusher_service", "--port", "0"], env=credentials))
    host, _, port = running.address.removeprefix("http://").partition(":")
    os.environ.update(credentials, PUSHER_HOST=host, PUSHER_PORT=port)
    return {"push_service": running.process.pid}


def _service(pids: Mapping[str, int]) -> dict[str, str]:
    """Return where the push service is, if we have started it."""
    at = f"http://{os.environ['PUSHER_HOST']}:{os.environ['PUSHER_PORT']}" if pids else ""
    return {"push_service": at} if pids else {}


def _check_sharing(url: str, workers: int) -> None:
    """Raise ValueError if several processes are to serve what one must have alone, or could not verify each other."""
    if url.partition(":")[0] not in EMBEDDED:
        shared_secret()
    elif workers > 1:
        raise ValueError(
            f"--workers {workers}: {url} is an embedded store, which one process must have alone; "
            "several need --store redis://... or --store postgresql://..."
        )


async def _check(url: str) -> None:
    """Raise ValueError unless the store answers: told once, rather than by each worker."""
    await (await open_store(url)).close()


def _supervise(count: int, host: str, port: int, pids: Mapping[str, int], attached: bool) -> None:
    """Run this same command in several processes behind one port, until told to stop. Raises NotReady."""
    with held_port(host, port) as number, tempfile.TemporaryDirectory(prefix="workers-") as folder:

        def on_ready(facts: Mapping[str, Any], workers: list[int]) -> None:
            api = {f"api_{place}" if place > 1 else "api": pid for place, pid in enumerate(workers, 1)}
            roles = {**api, "supervisor": os.getpid(), **pids}
            announce(facts["address"], {**facts, "pids": roles, **_service(pids)})

        command = ["servers", *sys.argv[1:], "--port", str(number), "--fellows", folder]
        Workers(command, count).run(on_ready, attached)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a process listens, for a browser too if `web`, and where it meets its fellows behind the same port."""

    host: str
    port: int
    web: Path | None
    attached: bool
    fellows: Path | None


async def _serve(
    slug: str,
    url: str,
    settings: Settings,
    http: HttpSettings,
    listening: Listening,
    facts: Mapping[str, Any],
) -> None:
    clock = SystemClock()
    opened = await open_store(url)
    secret = signing_secret(beside=path_of(url)) if url.partition(":")[0] in EMBEDDED else shared_secret()
    chat = Chat(opened, Tokens(secret, clock, settings.token_s), clock, settings)
    app = import_module(f"servers.{slug}").create_app(chat, settings)
    if listening.web is not None:
        app.router.routes += chat_pages(listening.web, settings.origins)
    async with AsyncExitStack() as stack:
        if listening.fellows is not None:
            workers = FellowWorkers(listening.fellows, lambda: own_stats(app))
            await stack.enter_async_context(workers.answering())
            app.state.stats = workers.total
        await serve(
            app,
            host=listening.host,
            port=listening.port,
            http=http,
            on_ready=lambda address: announce(address, facts),
            on_stop=chat.stop_waiting,
            attached=listening.attached,
            shares_port=listening.fellows is not None,
        )


if __name__ == "__main__":
    typer.run(main)
