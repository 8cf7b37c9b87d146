"""One process of ours that serves one chat over one transport: what the command line and a host's entry point share.

Teaches that the same application serves in several surroundings: with other workers behind its port, with pages for
browsers, or with an API elsewhere that writes the log. A host may also import the application (`OnDemand`) instead of
running our command. It then calls the application in as many processes as it likes: the first call opens the store, and
the settings come from the environment: CHAT_STORE, CHAT_SECRET, CHAT_HOSTS and CHAT_ORIGINS (separated by spaces),
FORWARDED_ALLOW_IPS (see Settings.proxies), and for the Pusher adapter CHAT_PRESENCE and the PUSHER_* variables.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from servers.core.auth import Tokens, shared_secret, signing_secret
from servers.core.chat import Chat
from servers.core.clock import SystemClock
from servers.core.settings import RenewedBy, Settings
from servers.core.store import is_embedded, open_store
from servers.core.stores.sqlite import path_of
from servers.http_routes import collect_stats
from servers.pages import chat_pages
from servers.serving import HttpSettings, serve
from servers.standard_streams import print_ready
from servers.stats import WorkerStats


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a process listens, for a browser too if `web`, and where it meets the other workers behind the same port.

    web: the folder of the browser's pages. attached: whether to stop at the end of standard input. reuse_port: whether
    other processes may listen on the same port.
    """

    host: str
    port: int
    web: Path | None
    attached: bool
    worker_folder: Path | None
    reuse_port: bool


async def open_app(slug: str, url: str, settings: Settings, api: str = "") -> Starlette:
    """Open the store, and return a transport's application over it; with `api`, an API at that address writes."""
    clock = SystemClock()
    create_app: Callable[[Chat, Settings], Starlette] = import_module(f"servers.{slug}").create_app
    store = await open_store(url)
    try:
        secret = signing_secret(path_of(url)) if is_embedded(url) else shared_secret()
        tokens = Tokens(secret, clock, settings.token_s)
        if not api:
            return create_app(Chat(store, tokens, clock, settings), settings)
        remote_api = import_module("servers.deploy.separate_websocket_server.remote_api")  # only here: it takes 0.1 s
        chat = remote_api.RemoteChat(store, tokens, clock, settings, remote_api.Api(api, tokens))
        app = create_app(chat, settings)
        remote_api.forward_requests(app, chat.api, settings)
        return app
    except BaseException:
        await store.close()
        raise


async def serve_chat(
    opening: Awaitable[Starlette], http: HttpSettings, listening: Listening, facts: Mapping[str, Any]
) -> None:
    """Serve until a signal, or the end of standard input if attached; the ready line tells a parent process the facts.

    Raises ValueError if a service that it needs refuses it. On demand this is not checked: it would slow every start.
    """
    app = await opening
    chat: Chat = app.state.chat
    if not chat.settings.on_demand:
        await app.state.check()
    if listening.web is not None:
        app.router.routes += chat_pages(listening.web, chat.settings.origins, app.state.push_origins)
    async with AsyncExitStack() as stack:
        if listening.worker_folder is not None:
            workers = WorkerStats(listening.worker_folder, lambda: collect_stats(app))
            await stack.enter_async_context(workers.serving())
            app.state.stats = workers.total
        await serve(
            app,
            host=listening.host,
            port=listening.port,
            http=http,
            on_ready=lambda address: print_ready(address, facts, next_step(address, facts, listening.web is not None)),
            on_stop=chat.stop_waiting,
            attached=listening.attached,
            reuse_port=listening.reuse_port or listening.worker_folder is not None,
        )


def next_step(address: str, facts: Mapping[str, Any], has_page: bool) -> str:
    """Return what a person can do with a chat server that listens."""
    if has_page:
        return "Open it in a browser, in two windows."
    python = os.path.relpath(sys.executable)
    return f"Talk there: {python} -m clients chat --transport {facts['transport']} --server {address} --name Ada"


class OnDemand:
    """The ASGI application of one transport, for a host that runs it only while it has a request."""

    def __init__(self, slug: str, environ: Mapping[str, str] = os.environ) -> None:
        """Raises ValueError if the environment names no store that instances could share, or an unknown presence."""
        self._slug = slug
        self._url = environ.get("CHAT_STORE", "")
        if not self._url or is_embedded(self._url):
            raise ValueError(f"CHAT_STORE: expected redis://... or postgresql://..., got {self._url or 'nothing'}")
        hosts = tuple(environ.get("CHAT_HOSTS", "").split())
        origins = tuple(environ.get("CHAT_ORIGINS", "").split())
        proxies = environ.get("FORWARDED_ALLOW_IPS", Settings().proxies)
        presence = RenewedBy(environ.get("CHAT_PRESENCE") or RenewedBy.HEARTBEAT)
        self._settings = Settings(on_demand=True, hosts=hosts, origins=origins, proxies=proxies, presence=presence)
        self._opening = asyncio.Lock()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call; the first one opens the store, and calls that come meanwhile wait for it."""
        async with self._opening:
            if self._app is None:
                self._app = await open_app(self._slug, self._url, self._settings)
        await self._app(scope, receive, send)
