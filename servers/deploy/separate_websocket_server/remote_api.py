"""A WebSocket server whose commands an API elsewhere carries out: it keeps the connections, and the API writes the log.

Teaches the price and the benefit of this division. Each command takes one more hop, a POST. In return the connections
survive a failure of the API, and the API may be a function. New events come back through the store that both share.
Both sign tokens with the shared secret. Leaves out retries: the client repeats a command.
"""

from urllib.parse import urlencode

import anyio
import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from servers.addresses import may_use_proxy
from servers.core.auth import Identity, Tokens
from servers.core.chat import Chat
from servers.core.clock import Clock
from servers.core.counters import Purpose
from servers.core.errors import ChatError, Unavailable
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.validation import check_room
from servers.core.wire import Ack, Leave, Refusal, SocketCommand, Undecodable, decode, encode
from servers.http_endpoint import get, post, read_body

RESPONSE_S = 10.0
REFUSALS = {kind.code: kind for kind in ChatError.__subclasses__()}
COMMANDS = {
    Purpose.UPKEEP: ("join", "heartbeat", "leave"),
    Purpose.SEND: ("send", "typing", "mark_read"),
}
FORWARDED = (b"authorization", b"content-type")
RETURNED = ("content-type", "retry-after")
Headers = list[tuple[bytes, bytes]]


class Api:
    """The API at the other end of one pool of kept connections. Close it when done."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=RESPONSE_S, trust_env=may_use_proxy(url))
        self._tokens = tokens

    async def execute(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Have the API carry out a command; waits for its acknowledgement. Raises ChatError."""
        path = f"/rooms/{room}/{command.__struct_config__.tag}"
        token = self._tokens.issue(identity.user, identity.name).token
        response = await self.forward("POST", path, encode(command), [(b"authorization", b"Bearer " + token.encode())])
        try:
            if response.is_success:
                return msgspec.structs.replace(decode(response.content, type=Ack), ref=command.ref)
            refusal = decode(response.content, type=Refusal)
        except Undecodable:  # the response of a proxy before the API, which is late, full, or has failed
            raise Unavailable(f"API: {response.status_code} {response.reason_phrase}; try again") from None
        raise REFUSALS.get(refusal.error, Unavailable)(refusal.detail, refusal.retry_after_s)

    async def forward(self, method: str, target: str, content: bytes, headers: Headers) -> httpx.Response:
        """Return the API's response, of any status; raises Unavailable if there is none."""
        try:
            return await self._http.request(method, target, content=content, headers=headers)
        except (httpx.RequestError, anyio.EndOfStream, OSError) as error:  # the latter two: a broken TLS connection
            raise Unavailable(f"API: {type(error).__name__}: {error}; try again") from error

    async def close(self) -> None:
        await self._http.aclose()


class RemoteChat(Chat):
    """A chat that has its log written by an API. Presence stays here, beside the connections."""

    def __init__(self, store: Store, tokens: Tokens, clock: Clock, settings: Settings, api: Api) -> None:
        super().__init__(store, tokens, clock, settings)
        self.api = api
        self.on_close = api.close

    async def execute(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Have a command carried out where it belongs. Raises ChatError."""
        if isinstance(command, Leave):
            return await super().execute(identity, room, command)
        return await self.api.execute(identity, room, command)


def forward_requests(app: Starlette, api: Api, settings: Settings) -> None:
    """Forward all requests to the API that do not concern a socket: log-ins, history, commands by POST."""

    async def forward(request: Request) -> Response:
        check_room(request.path_params.get("room", "room"))  # such as "..", which would lead elsewhere
        headers = [(name, value) for name, value in request.headers.raw if name in FORWARDED]
        sender = request.client.host if request.client else "unknown"
        senders = ", ".join([*request.headers.getlist("x-forwarded-for"), sender])
        headers.append((b"x-forwarded-for", senders.encode("latin-1")))
        target = f"{request.url.path}?{urlencode(request.query_params.multi_items())}"
        response = await api.forward(request.method, target, await read_body(request, settings), headers)
        returned = {name: value for name, value in response.headers.items() if name in RETURNED}
        return Response(response.content, response.status_code, returned)

    routes: list[BaseRoute] = [post("/login", Purpose.UPKEEP, forward)]
    for purpose, commands in COMMANDS.items():
        routes += [post(f"/rooms/{{room}}/{command}", purpose, forward) for command in commands]
    routes += [get("/rooms/{room}/history", Purpose.RECEIVE, forward)]
    app.router.routes = [*routes, *app.router.routes]  # the first route that matches is used
