"""The push service as a process of its own, and two ways to reach it: bare sockets, and PyPI's official `pusher`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pusher
from websockets.sync.client import ClientConnection

from servers.deploy.child_process import ChildProcess, free_port, started
from servers.pusher_service.authorization import Credentials
from tests.support.guest import receive, silent_socket
from tests.support.pusher_harness import CREDENTIALS, Json, signed_subscription

ENV = {"PUSHER_APP_ID": CREDENTIALS.app_id, "PUSHER_KEY": CREDENTIALS.key, "PUSHER_SECRET": CREDENTIALS.secret}


@contextmanager
def push_service(*arguments: str) -> Iterator[ChildProcess]:
    """Run the service until the block ends, on a port at which another may be started later."""
    port = str(free_port())
    with started(["servers.pusher_service", "--port", port, *arguments], env=ENV) as running:
        yield running


def service_settings(address: str) -> dict[str, str]:
    """Return the environment of a chat that uses the push service at that address."""
    host, _, port = address.removeprefix("http://").partition(":")
    return {**ENV, "PUSHER_HOST": host, "PUSHER_PORT": port}


@contextmanager
def official_api(address: str, credentials: Credentials = CREDENTIALS) -> Iterator[pusher.Pusher]:
    """Yield PyPI's `pusher`, set to reach the service; its connections are closed at the end."""
    host, port = address.removeprefix("http://").split(":")
    api = pusher.Pusher(
        app_id=credentials.app_id, key=credentials.key, secret=credentials.secret, ssl=False, host=host, port=int(port)
    )
    session = api._pusher_client.http.session
    session.trust_env = False  # a proxy of the environment cannot reach our loopback address
    with session:
        yield api


def open_socket(address: str, path: str = f"/app/{CREDENTIALS.key}?protocol=7", **options: Any) -> ClientConnection:
    """Open a WebSocket to the service."""
    return silent_socket(address + path, **options)


@contextmanager
def open_connection(address: str, **options: Any) -> Iterator[tuple[ClientConnection, str]]:
    """Open a connection of the protocol; yield it and its socket id."""
    with open_socket(address, **options) as connection:
        greeting = receive(connection)
        assert greeting["event"] == "pusher:connection_established", greeting
        yield connection, json.loads(greeting["data"])["socket_id"]


def receive_event(connection: ClientConnection) -> str:
    """Wait for the next frame, and return its event's name."""
    return str(receive(connection)["event"])


def send(connection: ClientConnection, event: str, **fields: Any) -> None:
    connection.send(json.dumps({"event": event, **fields}))


def subscribe(connection: ClientConnection, socket_id: str, channel: str, user: Json | None = None) -> Json:
    """Subscribe with a good signature, and return the data of the confirmation."""
    send(connection, "pusher:subscribe", data=signed_subscription(socket_id, channel, user))
    frame = receive(connection)
    assert frame["event"] == "pusher_internal:subscription_succeeded", frame
    return cast(Json, json.loads(frame["data"]))
