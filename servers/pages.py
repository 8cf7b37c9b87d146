"""The browser's client, served by the same server that it sends its requests to.

Teaches why page and server should have one origin: otherwise a page must ask for permission before each request that
carries a token (CORS preflight, Fetch Standard, section 3.2), so a poll would cost two requests instead of one.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

LOOPBACK_ANY_PORT = "http://127.0.0.1:*"


class Pages(StaticFiles):
    """The files of one folder, each sent with the same headers. Raises RuntimeError if there is no such folder."""

    def __init__(self, folder: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=folder)
        self._headers = headers

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        return response


def chat_pages(folder: Path, framed_by: Iterable[str], connects_to: Iterable[str]) -> list[BaseRoute]:
    """Return the routes of a chat server's browser client. framed_by, connects_to: see `page_headers`."""
    pages = Pages(folder, page_headers(framed_by=framed_by, connects_to=connects_to))
    return [Route("/", RedirectResponse("/web/chat.html")), Mount("/web", pages)]


def page_headers(
    framed_by: Iterable[str] = (), frames: str = "'none'", connects_to: Iterable[str] = ()
) -> Mapping[str, str]:
    """Return the headers of every page: a policy that allows our own origin and nothing inline, and others.

    framed_by: origins whose pages may show this one in a frame. frames: what this one may show in a frame. connects_to:
    further origins that it may connect to. no-cache: a page is never older than its server. close: only the chat's own
    connections stay open. Origin-Agent-Cluster: a browser may run a framed page on a thread of its own.
    Cross-Origin-Opener-Policy: a page of another origin that opens this one gets no reference to its window, so it can
    neither send messages to it nor navigate it.
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
    return {
        "Content-Security-Policy": "; ".join(" ".join(directive) for directive in directives),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "Connection": "close",
        "Origin-Agent-Cluster": "?1",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
