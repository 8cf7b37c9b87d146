"""What a user of the load test says over plain HTTP, and what Locust's own statistics show of it.

What crosses the wire: the shared routes of `servers.http_routes`, each with the same browser-like headers. Leaves out
retries: whoever sends decides.
"""

from collections.abc import Callable, Container, Mapping
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit

from loadtests.users.http_connection import Answer, ConnectionLost, HttpConnection, HttpConnections
from loadtests.users.reports import QUOTED_CHARACTERS, Report, read_as
from loadtests.users.request_headers import BROWSER_HEADERS
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
    encode,
)

Body = TypeVar("Body")


class HttpUserSession:
    """One user in one room. Every method waits for its answer, and raises ConnectionLost."""

    def __init__(self, address: str, report: Report, room: str, connection: str, keep_alive: bool = True) -> None:
        """Connect to nothing yet. keep_alive: whether to ask again on the same line, or to close it after each answer.

        connection: the id by which the server knows this user's presence, whatever the lines.
        """
        self._connections = HttpConnections(address)
        stays = "keep-alive" if keep_alive else "close"
        self._headers = {"Host": urlsplit(address).netloc, "Connection": stays, **BROWSER_HEADERS}
        self._report = report
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

    def stream(self, after: Cursor, last_event_id: Cursor | None = None) -> HttpConnection:
        """Return the connection of an answer that goes on, once its head is here: whoever asked reads and closes it.

        last_event_id: what a line that broke brought last.
        """
        path = f"/rooms/{self._room}/events?after={after}&connection={self.connection}"
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(last_event_id)} if last_event_id else {})
        connection = self._connections.take()
        self._timed("GET", path, (200,), lambda: connection.begin(self._request("GET", path, headers=headers)))
        return connection

    def heartbeat(self) -> Head:
        return self.post(f"/rooms/{self._room}/heartbeat", Heartbeat(connection=self.connection), Head)

    def leave(self) -> Ack:
        return self.command(Leave(connection=self.connection))

    def get(self, path: str, kind: type[Body]) -> Body:
        return self._decoded(kind, "GET", path)

    def post(self, path: str, body: Any, kind: type[Body]) -> Body:
        return self._decoded(kind, "POST", path, encode(body), {"Content-Type": "application/json"})

    def post_form(self, path: str, form: str, kind: type[Body]) -> Body:
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._decoded(kind, "POST", path, form.encode(), content_type)

    def hang_up(self) -> None:
        """Close the connections that were kept alive; waits for the other side's end."""
        self._connections.close()

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        expected: Container[int] = (200,),
    ) -> Answer:
        """Ask, and wait for the whole answer; one with another status is a broken line."""
        request = self._request(method, path, body, headers or {})
        return self._timed(method, path, expected, lambda: self._connections.ask(request))

    def _decoded(
        self, kind: type[Body], method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Body:
        """Ask, and return the answer's body, decoded; one of another shape is a broken line, too."""
        decoded: list[Body] = []
        request = self._request(method, path, body, headers or {})
        self._timed(
            method,
            path,
            (200,),
            lambda: self._connections.ask(request),
            lambda answer: decoded.append(read_as(answer.body, kind)),
        )
        return decoded[0]

    def _request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        all_headers = {**self._headers, **(headers or {})}
        if self.token:
            all_headers["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            all_headers["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def _timed(
        self,
        method: str,
        path: str,
        expected: Container[int],
        ask: Callable[[], Answer],
        take: Callable[[Answer], None] = lambda _: None,
    ) -> Answer:
        """Ask, and report how long it took and whether the answer was one that was expected, and could be taken in."""
        name, asked_s = path.partition("?")[0].replace(self._room, "[room]"), perf_counter()
        try:
            answer = ask()
            took_s = perf_counter() - asked_s
            if answer.status not in expected:
                text = " ".join(answer.body.decode(errors="replace").split())
                raise ConnectionLost(f"{method} {name}: {answer.status} {text[:QUOTED_CHARACTERS]}")
            take(answer)
        except ConnectionLost as broken:
            self._report(method, name, perf_counter() - asked_s, 0, broken)
            raise
        self._report(method, name, took_s, len(answer.body))
        return answer
