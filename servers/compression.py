"""Compress what leaves a server: responses and event streams by gzip; sockets have permessage-deflate (RFC 7692).

Teaches two costs of compression. Each stream and each socket has a compressor with a memory of its own, for as long as
it is open. And a compressor holds text back until it has enough: without a flush after each event, events would wait
in it. Starlette's middleware flushes after each part. What crosses the wire: Content-Encoding: gzip (RFC 9110 section
8.4.1.3), for clients that accept it. Off by default. Leaves out a defence against BREACH, an attack that guesses a
secret from the length of compressed responses: every user may read every room, and each log-in's token is new.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from servers.asgi_extensions import WHOLE

BYTES_MIN = 200  # shorter bodies, such as an empty page, would hardly shrink, or even grow


def compressed(app: ASGIApp) -> ASGIApp:
    """Return an application whose responses are compressed, part by part, streams included."""
    gzip = GZipMiddleware(app, minimum_size=BYTES_MIN, exclude_content_types=())  # by default: event streams

    async def compress(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = scope.get("extensions") or {}
        if WHOLE in extensions:  # a response in one message, which the middleware does not know
            scope = {**scope, "extensions": {name: value for name, value in extensions.items() if name != WHOLE}}
        await gzip(scope, receive, send)

    return compress
