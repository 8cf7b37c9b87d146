"""Two raw senders, for what no client of ours would say: one for HTTP commands, one for WebSocket frames."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.http_session import tls_context
from servers.transports import Commands
from tests.support.chat_harness import DEADLINE_S, ChatHarness

OK = "ok"


class RawHttp:
    """Each command is a POST, each read of events a GET; returns "ok" or the code of the refusal."""

    def __init__(self, harness: ChatHarness) -> None:
        self._harness = harness

    async def join(self, token: str, after: str = "", **headers: str) -> str:
        """Join the harness's room and ask for events once, from a cursor if given."""
        room = f"/rooms/{quote(self._harness.room)}"
        async with self._client(token, headers) as http:
            answer = await http.post(f"{room}/join", json={"connection": "raw"})
            if answer.is_success and after:
                request = http.stream("GET", f"{room}/events", params={"connection": "raw", "after": after})
                async with request as answer:
                    if not answer.is_success:  # else it may go on for ever
                        await answer.aread()
        return code(answer)

    async def command(self, token: str, kind: str, body: bytes, joins: bool = True) -> str:
        """Send a command with any body, as a user who has joined, or has not."""
        if joins and (refused := await self.join(token)) != OK:
            return refused
        async with self._client(token, {}) as http:
            return code(await http.post(f"/rooms/{quote(self._harness.room)}/{kind}", content=body))

    def _client(self, token: str, headers: dict[str, str]) -> httpx.AsyncClient:
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        return httpx.AsyncClient(
            base_url=self._harness.address, headers=raw, trust_env=False, timeout=DEADLINE_S, verify=tls_context()
        )


class RawSocket:
    """The same, where each command is a frame on a socket that has joined."""

    def __init__(self, harness: ChatHarness) -> None:
        self._url = f"ws{harness.address.removeprefix('http')}/rooms/{quote(harness.room)}/socket"

    async def join(self, token: str, after: str = "", **headers: str) -> str:
        return await self._talk(headers, self._first(token, after))

    async def command(self, token: str, kind: str, body: bytes, joins: bool = True) -> str:
        return await self._talk({}, *([self._first(token)] if joins else []), _typed(kind, body))

    @staticmethod
    def _first(token: str, after: str = "") -> bytes:
        return json.dumps({"type": "join", "connection": "raw", "token": token, "after": after}).encode()

    async def _talk(self, headers: dict[str, str], *frames: bytes) -> str:
        """Send the frames, each after the answer to the last; return "ok" or the first refusal's code."""
        try:
            async with connect(self._url, additional_headers=headers, compression=None, proxy=None) as socket:
                for frame in frames:
                    await socket.send(frame, text=True)
                    answer: dict[str, Any] = {"type": "page"}
                    while answer["type"] == "page":
                        answer = json.loads(await socket.recv())
                    if answer["type"] == "error":
                        return str(answer["error"])
            return OK
        except InvalidStatus as error:
            return {403: "forbidden", 404: "not_found"}[error.response.status_code]
        except ConnectionClosed as error:
            assert error.rcvd is not None
            return {1007: "bad_request", 1009: "too_large"}.get(error.rcvd.code, error.rcvd.reason)


def raw_sender(harness: ChatHarness) -> RawHttp | RawSocket:
    return RawSocket(harness) if harness.transport.commands is Commands.FRAMES else RawHttp(harness)


def _typed(kind: str, body: bytes) -> bytes:
    """Return the frame that says what a POST of this body says; what is no JSON object stays as it is."""
    with suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return json.dumps({"type": kind, **fields}).encode()
    return body


def code(answer: httpx.Response) -> str:
    return OK if answer.is_success else str(answer.json()["error"])
