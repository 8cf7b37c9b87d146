"""Check the Host and the Origin of every request: only our own names, only pages that we trust.

Teaches why a server on loopback still checks two headers. Any page can make a browser send requests here (cross-site
sockets have no CORS), or rebind its own host name to 127.0.0.1: Origin reveals the first, Host the second.
"""

from functools import partial

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from servers.core.errors import Forbidden
from servers.core.settings import Settings
from servers.core.wire import Refusal, encode

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class OriginMiddleware:
    """ASGI middleware: refuses a Host that is not ours, and an Origin that is neither ours nor allowed."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        methods, headers = ["GET", "POST"], ["authorization", "content-type"]
        cors = partial(CORSMiddleware, allow_origins=settings.origins, allow_methods=methods, allow_headers=headers)
        self._app = cors(app) if settings.origins else app
        self._hosts = frozenset((*LOOPBACK, *settings.hosts))
        self._origins = frozenset(settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
        host = hosts[0] if len(hosts) == 1 else ""
        if host not in self._hosts and host.rpartition(":")[0] not in self._hosts:
            await _refuse(f"Host: expected one of {', '.join(sorted(self._hosts))}, got {hosts}", scope, send)
        elif origin is not None and origin not in self._origins and origin.partition("://")[2] != host:
            await _refuse(f"Origin: {origin[:80]!r} may not call this server; allow it with --origin", scope, send)
        else:
            await self._app(scope, receive, send)


async def _refuse(detail: str, scope: Scope, send: Send) -> None:
    async def nothing() -> dict[str, str]:
        return {"type": "http.disconnect"}

    refusal = Forbidden(detail)
    if scope["type"] == "websocket":
        await WebSocketClose(refusal.close_code, detail)(scope, nothing, send)
    else:
        body = encode(Refusal(refusal.code, detail))
        await Response(body, refusal.http_status, media_type="application/json")(scope, nothing, send)
