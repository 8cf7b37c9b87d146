"""Raw commands, for what no client of ours would say: by POST, or as frames on a WebSocket that has joined."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.http_session import tls_context
from servers.transports import Commands
from tests.support.chat_harness import ChatHarness
from tests.support.deadline import DEADLINE_S

OK = "ok"
CODES = {403: "forbidden", 404: "not_found", 1007: "bad_request", 1009: "too_large"}
"""What a status, or the code of a close without a reason, stands for."""


class RawSender:
    """Each call waits for its answer, and returns "ok" or the code of the refusal."""

    def __init__(self, harness: ChatHarness) -> None:
        self._room_url = f"{harness.address}/rooms/{quote(harness.room)}"
        self._is_by_frames = harness.transport.commands is Commands.FRAMES

    async def join(self, token: str, after: str = "", **headers: str) -> str:
        """Join the harness's room and ask for events once, from a cursor if given."""
        if self._is_by_frames:
            return await self._talk(headers, _first_frame(token, after))
        answer = await self._request("POST", "join", token, headers, json={"connection": "raw"})
        if answer.is_success and after:
            answer = await self._request("GET", "events", token, headers, params={"connection": "raw", "after": after})
        return _code(answer)

    async def command(self, token: str, kind: str, body: bytes, joins: bool = True) -> str:
        """Send a command with any body, as a user who has joined, or has not."""
        if self._is_by_frames:
            before = [_first_frame(token)] if joins else []
            return await self._talk({}, *before, _frame(kind, body))
        if joins:
            joined = await self.join(token)
            if joined != OK:
                return joined
        return _code(await self._request("POST", kind, token, {}, content=body))

    async def _request(
        self, method: str, path: str, token: str, headers: dict[str, str], **given: Any
    ) -> httpx.Response:
        """Return the response, without the body if events may follow for ever."""
        given["headers"] = {**({"Authorization": f"Bearer {token}".encode()} if token else {}), **headers}
        async with (
            httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as http,
            http.stream(method, f"{self._room_url}/{path}", **given) as answer,
        ):
            if method == "POST" or not answer.is_success:
                await answer.aread()
        return answer

    async def _talk(self, headers: dict[str, str], *frames: bytes) -> str:
        """Send the frames, each after the answer to the last."""
        url = f"{self._room_url.replace('http', 'ws', 1)}/socket"
        options: dict[str, Any] = {"proxy": None, "compression": None, "ping_interval": None, "close_timeout": 1}
        try:
            async with asyncio.timeout(DEADLINE_S), connect(url, additional_headers=headers, **options) as socket:
                for frame in frames:
                    await socket.send(frame, text=True)
                    answer = {"type": "page"}
                    while answer["type"] == "page":
                        answer = json.loads(await socket.recv())
                    if answer["type"] == "error":
                        return answer["error"]
            return OK
        except InvalidStatus as error:
            return CODES[error.response.status_code]
        except ConnectionClosed as error:
            assert error.rcvd is not None
            return CODES.get(error.rcvd.code, error.rcvd.reason)


def _first_frame(token: str, after: str = "") -> bytes:
    return json.dumps({"type": "join", "connection": "raw", "token": token, "after": after}).encode()


def _frame(kind: str, body: bytes) -> bytes:
    """Return the frame that says what a POST of this body says; what is no JSON object stays as it is."""
    with suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return json.dumps({"type": kind, **fields}).encode()
    return body


def _code(answer: httpx.Response) -> str:
    return OK if answer.is_success else str(answer.json()["error"])
