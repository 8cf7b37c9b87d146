"""Raw commands, for what no client of ours would say: by POST, or as frames on a WebSocket that has joined."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.http_session import tls_context
from servers.transports import Commands
from tests.support.chat_harness import DEADLINE_S, ChatHarness
from tests.support.guest import bare_socket, receive

OK = "ok"
CODES = {403: "forbidden", 404: "not_found", 1007: "bad_request", 1009: "too_large"}
"""What a status, or the code of a close without a reason, stands for."""


class RawSender:
    """Each call waits for its answer, and returns "ok" or the code of the refusal; meanwhile other clients go on."""

    def __init__(self, harness: ChatHarness) -> None:
        self._address, self._room = harness.address, quote(harness.room)
        self._is_by_frames = harness.transport.commands is Commands.FRAMES

    async def join(self, token: str, after: str = "", **headers: str) -> str:
        """Join the harness's room and ask for events once, from a cursor if given."""
        return await asyncio.to_thread(self._join, token, after, **headers)

    async def command(self, token: str, kind: str, body: bytes, joins: bool = True) -> str:
        """Send a command with any body, as a user who has joined, or has not."""
        return await asyncio.to_thread(self._command, token, kind, body, joins)

    def _join(self, token: str, after: str = "", **headers: str) -> str:
        if self._is_by_frames:
            return self._talk(headers, self._first(token, after))
        answer = self._request("POST", "join", token, headers, json={"connection": "raw"})
        if answer.is_success and after:
            answer = self._request("GET", "events", token, headers, params={"connection": "raw", "after": after})
        return code(answer)

    def _command(self, token: str, kind: str, body: bytes, joins: bool) -> str:
        if self._is_by_frames:
            return self._talk({}, *([self._first(token)] if joins else []), _typed(kind, body))
        if joins and (refused := self._join(token)) != OK:
            return refused
        return code(self._request("POST", kind, token, {}, content=body))

    def _request(self, method: str, path: str, token: str, headers: dict[str, str], **given: Any) -> httpx.Response:
        """Return the response, without the body if events may follow for ever."""
        given["headers"] = {**({"Authorization": f"Bearer {token}".encode()} if token else {}), **headers}
        url = f"{self._address}/rooms/{self._room}/{path}"
        with (
            httpx.Client(trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as http,
            http.stream(method, url, **given) as answer,
        ):
            if method == "POST" or not answer.is_success:
                answer.read()
        return answer

    @staticmethod
    def _first(token: str, after: str = "") -> bytes:
        return json.dumps({"type": "join", "connection": "raw", "token": token, "after": after}).encode()

    def _talk(self, headers: dict[str, str], *frames: bytes) -> str:
        """Send the frames, each after the answer to the last."""
        try:
            with bare_socket(self._address, self._room, additional_headers=headers) as socket:
                for frame in frames:
                    socket.send(frame, text=True)
                    while (answer := receive(socket))["type"] == "page":
                        pass
                    if answer["type"] == "error":
                        return str(answer["error"])
            return OK
        except InvalidStatus as error:
            return CODES[error.response.status_code]
        except ConnectionClosed as error:
            assert error.rcvd is not None
            return CODES.get(error.rcvd.code, error.rcvd.reason)


def _typed(kind: str, body: bytes) -> bytes:
    """Return the frame that says what a POST of this body says; what is no JSON object stays as it is."""
    with suppress(ValueError, RecursionError):
        fields = json.loads(body)
        if isinstance(fields, dict):
            return json.dumps({"type": kind, **fields}).encode()
    return body


def code(answer: httpx.Response) -> str:
    return OK if answer.is_success else str(answer.json()["error"])
