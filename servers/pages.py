"""The browser's client, served by the very server that it talks to.

Teaches why the page and its server should be one origin: a page from elsewhere must ask for permission before each
request that carries a token (CORS preflight, Fetch Standard, section 3.2), and a poll whose address changes with every
cursor would pay for two requests instead of one. Every file leaves with a strict Content-Security-Policy.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

LOOPBACK_ANY_PORT = "http://127.0.0.1:*"
PUSH_SERVICES = ("ws://127.0.0.1:*", "ws://localhost:*", "wss://*.pusher.com")


class Pages(StaticFiles):
    """The files of one folder, each with the headers that keep a page to what it needs."""

    def __init__(self, folder: Path, policy: str) -> None:
        """Serve `folder` under a Content-Security-Policy. Raises RuntimeError if there is no such folder."""
        super().__init__(directory=folder)
        self._headers = security_headers(policy)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        return response


def chat_pages(folder: Path, framed_by: Iterable[str]) -> list[BaseRoute]:
    """Return the routes of a chat server's browser client. framed_by: origins whose pages may show it."""
    policy = policy_of(framed_by=framed_by, connects_to=PUSH_SERVICES)
    start = Route("/", RedirectResponse("/web/chat.html"))
    return [start, Mount("/web", Pages(folder, policy))]


def security_headers(policy: str) -> Mapping[str, str]:
    """Return the headers that every page leaves with.

    no-cache: a page is never older than its server. close: connections that stay open are those of the chat. An agent
    cluster of its own lets a browser run a page that is framed by another beside it, on a thread that nobody shares.
    """
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "Connection": "close",
        "Origin-Agent-Cluster": "?1",
    }


def policy_of(framed_by: Iterable[str] = (), frames: str = "'none'", connects_to: Iterable[str] = ()) -> str:
    """Return a policy that allows what is our own, and nothing inline.

    framed_by: origins whose pages may show this one. frames: what this one may show. connects_to: where else it may
    open connections to.
    """
    directives = (
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("img-src", "'self'", "data:"),
        ("connect-src", "'self'", *connects_to),
        ("frame-src", frames),
        ("frame-ancestors", "'self'", *framed_by),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
    )
    return "; ".join(map(" ".join, directives))
