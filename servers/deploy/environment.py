"""An application for hosts that import one, instead of running our command: its settings come from the environment.

Teaches who does what there: the host listens, and calls `app`, in as many processes as it likes. So the store is opened
by the first call, of any kind. What it reads: CHAT_STORE, CHAT_SECRET, CHAT_HOSTS (divided by blanks), CHAT_ORIGINS,
FORWARDED_ALLOW_IPS (see Settings.proxies), and for the Pusher adapter CHAT_PRESENCE and the PUSHER_* variables.
"""

import asyncio
import os
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from servers.core.settings import RenewedBy, Settings
from servers.core.store import is_embedded
from servers.deploy.server import opened


class OnDemand:
    """The ASGI application of one transport, for a host that runs it only while it has a request."""

    def __init__(self, slug: str, environ: Mapping[str, str] = os.environ) -> None:
        """Raises ValueError if the environment names no store that instances could share, or an unknown presence."""
        self._slug = slug
        self._url = environ.get("CHAT_STORE", "")
        if not self._url or is_embedded(self._url):
            raise ValueError(f"CHAT_STORE: expected redis://... or postgresql://..., got {self._url or 'nothing'}")
        names, pages = environ.get("CHAT_HOSTS", "").split(), environ.get("CHAT_ORIGINS", "").split()
        proxies = environ.get("FORWARDED_ALLOW_IPS", Settings().proxies)
        presence = RenewedBy(environ.get("CHAT_PRESENCE") or RenewedBy.HEARTBEAT)
        self._settings = Settings(
            on_demand=True, hosts=tuple(names), origins=tuple(pages), proxies=proxies, presence=presence
        )
        self._opening = asyncio.Lock()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call; the first opens the store, and the others that come meanwhile wait."""
        async with self._opening:
            if self._app is None:
                self._app = await opened(self._slug, self._url, self._settings)
        await self._app(scope, receive, send)
