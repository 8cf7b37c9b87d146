"""A WebSocket server whose commands somebody else carries out: it holds the lines, and an API writes.

Teaches what dividing the two costs and buys. Each command goes one hop further, by a POST that waits for its
acknowledgement; in return the lines survive whatever happens to the API, and the API may be a function that knows no
lines. News come back through the store that both share. What crosses the wire between them: the API's own routes, with
a token that vouches for the sender, since both know the secret. Leaves out retrying: the client does that.
"""

from urllib.parse import quote

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from servers.core.auth import Identity, Tokens
from servers.core.chat import Chat
from servers.core.clock import Clock
from servers.core.counters import Purpose
from servers.core.errors import ChatError, Unavailable
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.wire import Ack, Leave, Refusal, SocketCommand, Undecodable, decode, encode
from servers.http_endpoint import get, post, read_body
from servers.origin_middleware import LOOPBACK

ANSWER_S = 10.0
REFUSALS = {kind.code: kind for kind in ChatError.__subclasses__()}
PASSED_ON = ("authorization", "content-type")


class Api:
    """The API at the other end of one pool of kept connections. Close it when done."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        parsed = httpx.URL(url)
        self._http = httpx.AsyncClient(base_url=parsed, timeout=ANSWER_S, trust_env=parsed.host not in LOOPBACK)
        self._tokens = tokens

    async def execute(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Have the API do what a command asks; waits for its acknowledgement. Raises ChatError."""
        path = f"/rooms/{quote(room)}/{command.__struct_config__.tag}"
        token = self._tokens.issue(identity.user, identity.name).token
        answer = await self.ask("POST", path, encode(command), {"Authorization": f"Bearer {token}"})
        try:
            if answer.is_success:
                return msgspec.structs.replace(decode(answer.content, type=Ack), ref=command.ref)
            refusal = decode(answer.content, type=Refusal)
        except Undecodable:  # what stands before the API speaks for it: it is late, has no place, or has failed
            raise Unavailable(f"API: {answer.status_code} {answer.reason_phrase}; try again") from None
        raise REFUSALS.get(refusal.error, Unavailable)(refusal.detail)

    async def ask(self, method: str, target: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        """Return whatever the API answers; raises Unavailable if it does not."""
        try:
            return await self._http.request(method, target, content=content, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(f"API: {type(error).__name__}: {error}; try again") from error

    async def close(self) -> None:
        await self._http.aclose()


class DistantChat(Chat):
    """A chat that has its log written by an API. Presence stays here, with the lines that it is about."""

    def __init__(self, store: Store, tokens: Tokens, clock: Clock, settings: Settings, api: Api) -> None:
        super().__init__(store, tokens, clock, settings)
        self.api = api
        self.on_close = api.close

    async def execute(self, identity: Identity, room: str, command: SocketCommand) -> Ack:
        """Have a command carried out where it belongs. Raises ChatError."""
        if isinstance(command, Leave):
            return await super().execute(identity, room, command)
        return await self.api.execute(identity, room, command)


def pass_on_requests(app: Starlette, api: Api, settings: Settings) -> None:
    """Have the API answer what is not about lines: log-ins, history and every other request but those about us."""

    async def pass_on(request: Request) -> Response:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        target = f"{quote(request.url.path)}?{request.url.query}"
        answer = await api.ask(request.method, target, await read_body(request, settings), headers)
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    routes: list[BaseRoute] = [post("/login", Purpose.UPKEEP, pass_on)]
    routes += [post("/rooms/{rest:path}", Purpose.SEND, pass_on), get("/rooms/{rest:path}", Purpose.RECEIVE, pass_on)]
    app.router.routes[:0] = routes
