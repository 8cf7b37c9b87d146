"""The requests of a load user over plain HTTP, and their entries in Locust's own statistics.

What crosses the wire: the shared routes of `servers.http_routes`, each with the same browser-like headers. Leaves out
retries, which are up to the caller.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

from loadtests.plan.workload import H2, PLAIN
from loadtests.users.http_connection import (
    BROWSER_HEADERS,
    ConnectionLost,
    Exchange,
    HttpConnectionPool,
    Response,
    retry_after_s,
)
from loadtests.users.reports import QUOTED_CHARACTERS, Report, read_as, timed
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
NOT_MODIFIED = 304
NO_HEADERS: Mapping[str, str] = {}


class HttpUserSession:
    """One user in one room. Every method waits for its response, and raises ConnectionLost."""

    def __init__(
        self,
        address: str,
        report: Report,
        room: str,
        connection: str,
        keep_alive: bool = True,
        link: str = PLAIN,
        resumes: bool = False,
    ) -> None:
        """Connect to nothing yet. keep_alive: whether to keep a connection for the next request, or to close it.

        resumes: see `HttpConnectionPool`.
        connection: the id by which the server knows this user's presence, whatever the TCP connections.
        """
        self._pool: Any = HttpConnectionPool(address, resumes)
        if link == H2:  # which needs an optional dependency group
            self._pool = import_module("loadtests.users.http2_connection").Http2Pool(address, keep_alive)
        persistence = "keep-alive" if keep_alive else "close"
        self._headers = {"Host": urlsplit(address).netloc, "Connection": persistence, **BROWSER_HEADERS}
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

    def read(self, after: Cursor, conditional: bool = False) -> Page:
        """Read the page after a cursor; the response to a conditional request has no body if the page is empty."""
        headers = {"If-None-Match": after.entity_tag} if conditional else NO_HEADERS
        with self.request("GET", self._events_path(after), headers=headers, expected=(200, NOT_MODIFIED)) as response:
            return Page.empty(after) if response.status == NOT_MODIFIED else read_as(response.body, Page)

    def stream(self, after: Cursor, last_event_id: Cursor | None = None) -> Exchange:
        """Request the events as a stream; return it once the headers have come, for the caller to read and close.

        after: where to begin. last_event_id: where an earlier stream broke; the server then begins there instead.
        """
        headers = {"Accept": "text/event-stream"}
        if last_event_id:
            headers["Last-Event-ID"] = str(last_event_id)
        connection: Exchange = self._pool.acquire()
        try:
            with self.request("GET", self._events_path(after), headers=headers, send=connection.start):
                return connection
        except BaseException:
            connection.close()
            raise

    def heartbeat(self) -> Head:
        return self.post(f"/rooms/{self._room}/heartbeat", Heartbeat(connection=self.connection), Head)

    def leave(self) -> Ack:
        return self.command(Leave(connection=self.connection))

    def get(self, path: str, kind: type[Body]) -> Body:
        with self.request("GET", path) as response:
            return read_as(response.body, kind)

    def post(self, path: str, body: Any, kind: type[Body]) -> Body:
        with self.request("POST", path, encode(body), {"Content-Type": "application/json"}) as response:
            return read_as(response.body, kind)

    def post_form(self, path: str, form: str, kind: type[Body]) -> Body:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        with self.request("POST", path, form.encode(), headers) as response:
            return read_as(response.body, kind)

    def close(self) -> None:
        """Close the connections that were kept alive; waits for the other side's end."""
        self._pool.close()

    @contextmanager
    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        expected: Container[int] = (200,),
        send: Callable[[Any], Response] | None = None,
    ) -> Iterator[Response]:
        """Send a request, and yield its response; raises ConnectionLost if its status is not an expected one.

        send: how to send, if not by the pool. The statistics count a failure also if the block raises ConnectionLost.
        """
        data = self._pool.encoded(method, path, self._with_own(headers, method, body), body)
        send = send or self._pool.request
        name = path.partition("?")[0].replace(self._room, "[room]")
        with timed(self._report, method, name) as stop:
            response = send(data)
            stop(len(response.body))
            if response.status not in expected:
                text = " ".join(response.body.decode(errors="replace").split())
                reason = f"{method} {name}: {response.status} {text[:QUOTED_CHARACTERS]}"
                raise ConnectionLost(reason, retry_after_s(response.headers))
            yield response

    def _events_path(self, after: Cursor) -> str:
        return f"/rooms/{self._room}/events?after={after}&connection={self.connection}"

    def _with_own(self, headers: Mapping[str, str], method: str, body: bytes) -> Mapping[str, str]:
        """Add the header fields of every request, and those of its body."""
        all_headers = {**self._headers, **headers}
        if self.token:
            all_headers["Authorization"] = f"Bearer {self.token}"
        if method == "POST":
            all_headers["Content-Length"] = str(len(body))
        return all_headers
