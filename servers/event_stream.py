"""The parts of an event stream: its events, and a response that goes on until it is ended.

What crosses the wire: HTML Standard, section 9.2. A page is an event whose `id` is the next cursor; a comment keeps an
idle stream alive; an event `refusal` says why a stream ends permanently.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from servers.core.errors import ChatError
from servers.core.room_feed import EncodedPage
from servers.core.wire import encode
from servers.http_endpoint import refusal_of

LINE_END = "\n"
GRACE_S = 5.0
"""How long a stream may go on after the chat stops, or its lease or token ends: enough time to send the reason."""
PING = ServerSentEvent(comment="ping", sep=LINE_END).encode()


class EventStream(EventSourceResponse):
    """A response that goes on until its pages end, its limit cuts it or its client is gone, and then cleans up.

    send_timeout_s: a client that has read nothing for so long counts as gone.
    """

    def __init__(
        self,
        pages: AsyncIterator[bytes],
        send_timeout_s: float,
        limit: AbstractAsyncContextManager[None],
        cleanup: AsyncExitStack,
    ) -> None:
        super().__init__(pages, ping=0, sep=LINE_END, shutdown_grace_period=GRACE_S, send_timeout=send_timeout_s)
        self._limit = limit
        self._cleanup = cleanup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._cleanup:
            with suppress(ChatError, SendTimeoutError):
                async with self._limit:
                    await super().__call__(scope, receive, send)


def page_event(page: EncodedPage) -> bytes:
    """Return the event that carries a page, and the cursor at which to resume."""
    return ServerSentEvent(page.body.decode(), id=str(page.next), sep=LINE_END).encode()


def refusal_event(refusal: ChatError) -> bytes:
    """Return the event that says why the stream ends."""
    body = encode(refusal_of(refusal)).decode()
    return ServerSentEvent(body, event="refusal", sep=LINE_END).encode()
