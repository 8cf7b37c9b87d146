"""Check the Host and the Origin of every request: only our own names, only pages that we trust.

Teaches why a server on loopback still checks two headers. Any page can make a browser send requests here (cross-site
sockets have no CORS), or rebind its own host name to 127.0.0.1: Origin reveals the first, Host the second.
"""

from typing import TypeVar

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from servers.addresses import Authority, Origin, bracketed, header_values, is_loopback
from servers.core.errors import Forbidden
from servers.core.settings import Settings
from servers.core.wire import Refusal, encode


class Cors(CORSMiddleware):
    """Compares parsed origins instead of their spelling."""

    def is_allowed_origin(self, origin: str) -> bool:
        return str(parsed(Origin, origin)) in self.allow_origins


class OriginMiddleware:
    """ASGI middleware: refuses a Host that is not ours, and an Origin that is neither ours nor allowed."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._origins = frozenset(map(Origin.parse, settings.origins))
        self._hosts = frozenset(map(Authority.parse, settings.hosts))
        self._app = app
        if settings.origins:
            self._app = Cors(
                app,
                allow_origins=[str(origin) for origin in self._origins],
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "if-none-match", "last-event-id"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = "" if scope["type"] == "lifespan" else self._problem_of(scope)
        if problem:
            await _refuse(problem, scope, send)
        else:
            await self._app(scope, receive, send)

    def _problem_of(self, scope: Scope) -> str:
        """Return why a request is refused; an empty string if it is not."""
        hosts = header_values(scope["headers"], b"host")
        host = parsed(Authority, hosts[0]) if len(hosts) == 1 else None
        if host is None or not self._is_ours(host):
            expected = ", ".join(["a loopback name", *sorted({bracketed(known.host) for known in self._hosts})])
            return f"Host: expected {expected}, got {hosts}; allow one with --answer-to"
        origins = header_values(scope["headers"], b"origin")
        if not origins:  # no page of another site sent this: a browser would have named its origin
            return ""
        origin = parsed(Origin, origins[0])
        if origin is None or not (origin in self._origins or origin.is_of(host)):
            return f"Origin: {origins[0][:80]!r} may not call this server; allow it with --origin"
        return ""

    def _is_ours(self, host: Authority) -> bool:
        """Return whether a Host is loopback, or allowed with this port or with any port."""
        return is_loopback(host.host) or host in self._hosts or Authority(host.host) in self._hosts


Written = TypeVar("Written", Authority, Origin)


def parsed(kind: type[Written], text: str) -> Written | None:
    """Return a header's text as a value; None if it is malformed."""
    try:
        return kind.parse(text)
    except ValueError:
        return None


async def _refuse(detail: str, scope: Scope, send: Send) -> None:
    async def nothing() -> dict[str, str]:
        return {"type": "http.disconnect"}

    refusal = Forbidden(detail)
    if scope["type"] == "websocket":
        await WebSocketClose(refusal.close_code, detail)(scope, nothing, send)
    else:
        body = encode(Refusal(refusal.code, detail))
        await Response(body, refusal.http_status, media_type="application/json")(scope, nothing, send)
