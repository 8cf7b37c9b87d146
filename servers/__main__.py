"""Start a chat server: `python -m servers raw_websocket --store sqlite:///chat.db`.

Prints one JSON line when it is ready: its address, its process ids by role, and its settings. The Pusher adapter starts
the local stand-in for the push service as a second process, unless the PUSHER_* variables name a service.
"""

import os
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from servers import transports
from servers.core.auth import Tokens, signing_secret
from servers.core.chat import Chat
from servers.core.clock import SystemClock
from servers.core.settings import Settings
from servers.core.store import open_store
from servers.core.stores.sqlite import path_of
from servers.deploy.processes import started
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
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve; the embedded store allows one.")] = 1,
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
    uvicorn_defaults: Annotated[
        bool, typer.Option(help="Use uvicorn's own keep-alive and compression, as a variant to compare.")
    ] = False,
    frame_once: Annotated[bool, typer.Option(help="Frame each page once for all sockets, not once for each.")] = False,
    attached: Annotated[bool, typer.Option(help="Stop when standard input closes (for a parent process).")] = False,
) -> None:
    """Serve one chat over one transport."""
    settings = Settings(
        lease_s=lease,
        hold_s=hold,
        typing_s=typing,
        log_in_s=log_in,
        token_s=token,
        hosts=tuple(answer_to or ()),
        origins=tuple(origin or ()),
    )
    http = replace(UVICORN_DEFAULTS if uvicorn_defaults else HttpSettings(), frame_once=frame_once)
    with ExitStack() as stack:
        try:
            row = transports.find(transport)
            url = store or f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='chat-'))}/chat.db"
            if workers > 1:
                raise ValueError(f"--workers {workers}: {url} is an embedded store, which one process must have alone")
            pids = {"api": os.getpid()} | (start_push_service(stack) if row.needs_push_service else {})
            run(_serve(row.slug, url, settings, http, host, port, pids, web, attached))
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


async def _serve(
    slug: str,
    url: str,
    settings: Settings,
    http: HttpSettings,
    host: str,
    port: int,
    pids: dict[str, int],
    web: Path | None,
    attached: bool,
) -> None:
    clock = SystemClock()
    opened = await open_store(url)
    tokens = Tokens(signing_secret(beside=path_of(url)), clock, settings.token_s)
    chat = Chat(opened, tokens, clock, settings)
    app = import_module(f"servers.{slug}").create_app(chat, settings)
    if web is not None:
        app.router.routes += chat_pages(web, settings.origins)
    told = {"store": url.partition(":")[0], **asdict(settings), **http.as_dict()}
    facts: dict[str, Any] = {"transport": slug, "pids": pids, "settings": told}
    if "push_service" in pids:
        facts["push_service"] = f"http://{os.environ['PUSHER_HOST']}:{os.environ['PUSHER_PORT']}"
    await serve(
        app,
        host=host,
        port=port,
        http=http,
        on_ready=lambda address: announce(address, facts),
        on_stop=chat.stop_waiting,
        attached=attached,
    )


if __name__ == "__main__":
    typer.run(main)
