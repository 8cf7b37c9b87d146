"""What a user of the load test says over plain HTTP, through Locust's own client, so that its statistics show it.

What crosses the wire: the shared routes of `servers.http_routes`, each with the same browser-like headers. Leaves out
retries: whoever sends decides.
"""

from typing import Any, TypeVar

from geventhttpclient.response import HTTPSocketResponse
from locust.contrib.fasthttp import FastHttpSession, FastResponse

from loadtests.request_headers import BROWSER_HEADERS
from servers.core.wire import (
    Account,
    Ack,
    Cursor,
    Head,
    Heartbeat,
    Join,
    Leave,
    LogIn,
    Page,
    Snapshot,
    SocketCommand,
    decode,
    encode,
)

Answer = TypeVar("Answer")


class LineBroken(RuntimeError):
    """No answer, or not the one that was expected."""


class HttpLine:
    """One user in one room. Every method waits for its answer, and raises LineBroken."""

    def __init__(self, session: FastHttpSession, room: str, connection: str) -> None:
        self._session = session
        self._room = room
        self.connection = connection
        self.token = ""

    def log_in(self, name: str) -> Account:
        account = self.post("/login", LogIn(name), Account)
        self.token = account.token
        return account

    def join(self) -> Snapshot:
        return self.post(f"/rooms/{self._room}/join", Join(connection=self.connection), Snapshot)

    def command(self, command: SocketCommand) -> Ack:
        kind = command.__struct_config__.tag
        return self.post(f"/rooms/{self._room}/{kind}", command, Ack)

    def read(self, after: Cursor) -> Page:
        return self.get(f"/rooms/{self._room}/events?after={after}&connection={self.connection}", Page)

    def stream(self, after: Cursor) -> HTTPSocketResponse:
        """Return an answer that goes on, once its headers are here: whoever asked reads it, and releases it."""
        path = f"/rooms/{self._room}/events?after={after}&connection={self.connection}"
        return self._request("GET", path, stream=True).stream

    def heartbeat(self) -> Head:
        return self.post(f"/rooms/{self._room}/heartbeat", Heartbeat(connection=self.connection), Head)

    def leave(self) -> Ack:
        return self.command(Leave(connection=self.connection))

    def get(self, path: str, kind: type[Answer]) -> Answer:
        return self._ask("GET", path, kind)

    def post(self, path: str, body: Any, kind: type[Answer]) -> Answer:
        return self._ask("POST", path, kind, encode(body).decode(), "application/json")

    def post_form(self, path: str, form: str, kind: type[Answer]) -> Answer:
        return self._ask("POST", path, kind, form, "application/x-www-form-urlencoded")

    def hang_up(self) -> None:
        """Close the connections that were kept alive; waits for the other side's end."""
        self._session.client.clientpool.close()

    def _ask(self, method: str, path: str, kind: type[Answer], body: str = "", content_type: str = "") -> Answer:
        return decode(self._request(method, path, body, content_type).content, type=kind)

    def _request(
        self, method: str, path: str, body: str = "", content_type: str = "", stream: bool = False
    ) -> FastResponse:
        headers = {**BROWSER_HEADERS}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if content_type:
            headers["Content-Type"] = content_type
        name = path.partition("?")[0].replace(self._room, "[room]")
        answer = self._session.request(method, path, name=name, data=body, headers=headers, stream=stream)
        if answer.status_code != 200:
            raise LineBroken(f"{method} {name}: {answer.status_code} {answer.text or getattr(answer, 'error', '')}")
        return answer
