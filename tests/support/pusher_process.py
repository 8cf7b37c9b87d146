"""The push service as a process of its own, and the two official ways to talk to it: sockets and PyPI's `pusher`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pusher
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from servers.deploy.processes import Running, started
from servers.pusher_service.signatures import Credentials, channel_auth
from tests.support.engines import Engines

CREDENTIALS = Credentials("7", "the-key", "the-secret")
ENV = {"PUSHER_APP_ID": CREDENTIALS.app_id, "PUSHER_KEY": CREDENTIALS.key, "PUSHER_SECRET": CREDENTIALS.secret}
DEADLINE_S = 10.0
TOPOLOGIES = ("one process", "two workers")

Json = dict[str, Any]


def arguments_of(topology: str, engines: Engines) -> list[str]:
    """Return what starts the service so; workers find nobody else in their database."""
    return [] if topology == TOPOLOGIES[0] else ["--workers", "2", "--redis", engines.fresh_url("redis")]


@contextmanager
def push_service(*arguments: str) -> Iterator[Running]:
    """Run the service on a free port until the block ends."""
    with started(["servers.pusher_service", *arguments], env=ENV) as running:
        yield running


@contextmanager
def official_api(address: str, credentials: Credentials = CREDENTIALS) -> Iterator[pusher.Pusher]:
    """Open PyPI's `pusher` towards the service."""
    host, port = address.removeprefix("http://").split(":")
    api = pusher.Pusher(
        app_id=credentials.app_id, key=credentials.key, secret=credentials.secret, ssl=False, host=host, port=int(port)
    )
    session = api._pusher_client.http.session
    session.trust_env = False  # a proxy from the environment would be asked to find our loopback address
    with session:
        yield api


@contextmanager
def socket(
    address: str, path: str = f"/app/{CREDENTIALS.key}?protocol=7", **options: Any
) -> Iterator[ClientConnection]:
    """Open a WebSocket to the service."""
    url = address.replace("http", "ws", 1) + path
    with connect(url, proxy=None, compression=None, ping_interval=None, close_timeout=1, **options) as connection:
        yield connection


def heard(connection: ClientConnection) -> Json:
    """Wait for the next frame; raises TimeoutError at the deadline."""
    return cast(Json, json.loads(connection.recv(timeout=DEADLINE_S)))


def say(connection: ClientConnection, event: str, **fields: Any) -> None:
    connection.send(json.dumps({"event": event, **fields}))


def greeted(connection: ClientConnection) -> str:
    """Wait for the greeting and return the socket id that it tells."""
    frame = heard(connection)
    assert frame["event"] == "pusher:connection_established", frame
    return cast(str, json.loads(frame["data"])["socket_id"])


def subscribed(connection: ClientConnection, socket_id: str, channel: str, user: Json | None = None) -> Json:
    """Subscribe with a good signature, and return the data of the success."""
    data: Json = {"channel": channel}
    if user is not None:
        data["channel_data"] = json.dumps(user)
    data["auth"] = channel_auth(CREDENTIALS, socket_id, channel, data.get("channel_data"))
    say(connection, "pusher:subscribe", data=data)
    frame = heard(connection)
    assert frame["event"] == "pusher_internal:subscription_succeeded", frame
    return cast(Json, json.loads(frame["data"]))


def close_code(connection: ClientConnection) -> int:
    """Read until the server closes, and return its code."""
    try:
        while True:
            connection.recv(timeout=DEADLINE_S)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, closed
        return closed.rcvd.code
