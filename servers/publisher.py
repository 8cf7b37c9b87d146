"""The API's connections to the push service: the official `pusher` library over one pool that keeps them alive.

Teaches how little a server sends to a push service: one signed POST per event. The environment determines which service
it is: the rented one (PUSHER_CLUSTER), or a compatible one (PUSHER_HOST and PUSHER_PORT).
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import anyio
import httpx
from pusher import Pusher
from pusher.errors import PusherBadAuth, PusherBadStatus, PusherError
from pusher.http import Request, process_response

from servers.addresses import Authority, bracketed, is_loopback
from servers.core.errors import BadRequest, Unauthenticated, Unavailable
from servers.core.wire import ServiceAddress, SignedSubscription, SignIn
from servers.links import FOLDER_VARIABLE, client_tls_context

TIMEOUT_S = 5.0
CONNECT_S = 1.0
RECENT_S = 30.0  # how long a failure is reported, unless a later publish succeeds: the next message may come much later
CHARS_MAX = 200  # of a response that is an error
DATA_BYTES_MAX = 10_240  # the service responds to longer data with 413
STRING_BYTES_MAX = 30_720
"""Above it, the official library refuses data by `sys.getsizeof`: one emoji makes each character take four bytes."""
CANNOT_TERMINATE = "who leaves a room keeps receiving, since their connections cannot be ended: %s"
FAILURES = (PusherError, httpx.HTTPError, anyio.EndOfStream, OSError, ValueError, LookupError, TypeError)
"""What a request raises: the service refuses, the connection breaks, or the response or the request has a wrong form.

With httpcore 1.0.9, a broken TLS connection may raise an error of anyio or ssl; the latter is an OSError.
"""
log = logging.getLogger(__name__)
REQUIRED = ("PUSHER_APP_ID", "PUSHER_KEY", "PUSHER_SECRET")


class PublishFailed(Unavailable):
    """The push service refused an event or a query, or could not be reached."""


def service_from_environment() -> ServiceAddress:
    """Read PUSHER_KEY and PUSHER_CLUSTER, or PUSHER_HOST and PUSHER_PORT; raises ValueError for missing or wrong ones.

    A service on this machine is reached without TLS, unless PUSHER_TLS says 0 or 1, and never through a proxy.
    """
    if missing := [name for name in REQUIRED if not os.environ.get(name)]:
        raise ValueError(f"push service: expected {', '.join(missing)} in the environment; set them or none")
    host = bracketed(os.environ.get("PUSHER_HOST", ""))
    use_tls = os.environ.get("PUSHER_TLS") or ("0" if is_loopback(host) else "1")
    if use_tls not in ("0", "1"):
        raise ValueError(f"push service: expected PUSHER_TLS to be 0 or 1, got {use_tls!r}")
    tls = use_tls == "1"
    port = os.environ.get("PUSHER_PORT") or ("443" if tls else "80")
    try:
        Authority.parse(f"{host or 'localhost'}:{port}")
    except ValueError as error:
        raise ValueError(f"push service: PUSHER_HOST and PUSHER_PORT: {error}") from None
    return ServiceAddress(os.environ["PUSHER_KEY"], os.environ.get("PUSHER_CLUSTER") or "mt1", host, int(port), tls)


def socket_origin(address: ServiceAddress) -> str:
    """Return where browsers open their sockets, as a source of a Content-Security-Policy (Level 3, section 2.3.1).

    On loopback that is any port: a window of the demo reaches the service through a relay of its own.
    """
    if not address.host:
        return f"wss://ws-{address.cluster}.pusher.com"
    return f"wss://{address.host}:{address.port}" if address.tls else f"ws://{address.host}:*"


def is_publishable(data: str) -> bool:
    """Return whether both the service and the official library accept data of this length."""
    return len(data.encode()) <= DATA_BYTES_MAX and sys.getsizeof(data) <= STRING_BYTES_MAX


def wrong_variable(error: BaseException | None) -> str:
    """Return what to check after a permanent refusal; empty if it is temporary. Each service has its own messages."""
    message = str(error).lower()
    if isinstance(error, PusherBadStatus) and message.startswith("404"):
        return "PUSHER_APP_ID"
    if not isinstance(error, PusherBadAuth):
        return ""
    variables = {"auth_key": "PUSHER_KEY", "app key": "PUSHER_KEY", "timestamp": "this machine's clock"}
    for word, variable in variables.items():
        if word in message:
            return variable
    return "PUSHER_SECRET"


@contextmanager
def _reported() -> Iterator[None]:
    """Raise PublishFailed for a failure in the block."""
    try:
        yield
    except FAILURES as error:
        reason = str(error)[:CHARS_MAX]  # it may be a whole page, of a proxy
        raise PublishFailed(f"push service: {type(error).__name__}: {reason}") from error


class HttpxBackend:
    """Sends the official library's requests. Its own back ends open a connection per event, or block."""

    def __init__(self, client: Any, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send_request(self, request: Request) -> Any:
        headers = {"User-Agent": "push-or-poll", **request.headers}
        async with asyncio.timeout(TIMEOUT_S):  # httpx's own limit begins anew with each part of a response
            response = await self._http.request(request.method, request.url, content=request.body, headers=headers)
        return process_response(response.status_code, response.text)


class Publisher:
    """Publishes, and signs channel authorizations. Close it when done."""

    def __init__(self, address: ServiceAddress) -> None:
        self._address = address
        self._failure = ""
        self._failed_at_s = 0.0
        self._has_refused_to_terminate = False
        verify = client_tls_context() if address.tls and os.environ.get(FOLDER_VARIABLE) else True
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=not is_loopback(address.host), verify=verify)
        self._pusher = Pusher(
            os.environ["PUSHER_APP_ID"],
            address.key,
            os.environ["PUSHER_SECRET"],
            ssl=address.tls,
            host=address.host or None,
            port=address.port,
            cluster=address.cluster,
            backend=HttpxBackend,
            http=self._http,
        )

    async def check(self) -> None:
        """Make one signed request; waits. Raises ValueError, with the variable to check, on a permanent refusal.

        A temporary failure is only logged: the service may start later, or a plan may be used up today.
        """
        try:
            with _reported():
                await self._pusher.channels_info()
        except PublishFailed as failure:
            if wrong := wrong_variable(failure.__cause__):
                raise ValueError(f"push service: check {wrong}: {failure.__cause__}") from None
            log.warning("%s", failure)

    async def publish(self, channel: str, event: str, data: str) -> None:
        """Have the service push `data` to the channel's subscribers; waits for its response, raises PublishFailed."""
        try:
            with _reported():
                await self._pusher.trigger(channel, event, data)
        except PublishFailed as failure:
            self._failure = failure.detail
            self._failed_at_s = time.monotonic()
            raise
        self._failure = ""

    async def impairment(self) -> str:
        """Return why events are not pushed, as far as is known, or an empty string; waits for CONNECT_S at most.

        A service at PUSHER_HOST must respond, with any status; the vendor's is not asked.
        """
        if self._failure and time.monotonic() - self._failed_at_s < RECENT_S:
            return self._failure
        if self._address.host:
            scheme = "https" if self._address.tls else "http"
            try:
                async with asyncio.timeout(CONNECT_S):
                    await self._http.get(f"{scheme}://{self._address.host}:{self._address.port}/")
            except FAILURES as error:
                return f"push service: {type(error).__name__}: {error}"
        return ""

    async def terminate(self, user: str) -> None:
        """End the connections that have signed in as a user; waits, raises PublishFailed if nobody responds.

        If the service or the plan refuses, the connections keep receiving, and the first refusal is logged. The request
        is made here because the official library uses a path that the vendor's API does not have (pusher 3.3.4).
        """
        client = self._pusher._pusher_client
        path = f"/apps/{client.app_id}/users/{quote(user)}/terminate_connections"
        try:
            with _reported():
                await client.http.send_request(Request(client, "POST", path))
        except PublishFailed as failure:
            if not isinstance(failure.__cause__, PusherError):
                raise
            if not self._has_refused_to_terminate:
                log.warning(CANNOT_TERMINATE, failure)
            self._has_refused_to_terminate = True

    async def channels(self, prefix: str) -> list[str]:
        """Return the names of the occupied channels that begin with `prefix`; waits, raises PublishFailed."""
        with _reported():
            return list((await self._pusher.channels_info(prefix))["channels"])

    async def members(self, channel: str) -> list[str]:
        """Return the ids of the members of a presence channel; waits, raises PublishFailed."""
        with _reported():
            return [row["id"] for row in (await self._pusher.users_info(channel))["users"]]

    def events_of(self, headers: Mapping[str, str], body: bytes) -> list[dict[str, str]]:
        """Return the events of a webhook; raises Unauthenticated if it is not signed by the service, or too old."""
        key = headers.get("X-Pusher-Key", "")
        signature = headers.get("X-Pusher-Signature", "")
        if not signature.isascii():  # the library raises an error for such a signature
            signature = ""
        webhook = self._pusher.validate_webhook(key, signature, body.decode(errors="replace"))
        if webhook is None:
            raise Unauthenticated("webhook: expected one that was signed with PUSHER_SECRET within the last 5 minutes")
        return list(webhook["events"])

    def authorize(
        self, channel: str, socket_id: str, user: str, member: dict[str, Any] | None = None
    ) -> SignedSubscription:
        """Return the signatures with which one socket may subscribe (as `member`) and sign in; raises BadRequest."""
        try:
            signed = self._pusher.authenticate(channel, socket_id, member)
            sign_in = SignIn(**self._pusher.authenticate_user(socket_id, {"id": user}))
            return SignedSubscription(signed["auth"], sign_in, signed.get("channel_data", ""))
        except (ValueError, TypeError) as error:
            raise BadRequest(f"channel authorization: {error}") from None

    async def close(self) -> None:
        await self._http.aclose()
