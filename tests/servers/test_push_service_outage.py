"""A push service that is killed is started again, and meanwhile its clients read over HTTP.

And its webhooks, which report who is there: forged, repeated and late ones do no harm.
"""

import asyncio
import json
import os
import signal
import ssl
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import AsyncMock, patch

import anyio
import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from clients.conversation import ChatSession
from clients.errors import Refused
from clients.http_session import tls_context
from clients.pusher_adapter import Connection
from clients.pusher_frames import Frame
from clients.pusher_socket import PusherSocket
from servers.core.auth import Tokens
from servers.core.chat import Chat
from servers.core.settings import Settings
from servers.core.store import Store
from servers.core.wire import Event, Kind, ServiceAddress
from servers.deploy.child_process import LOOPBACK, ChildFailed, ChildProcess, free_port, started
from servers.deploy.deployment_processes import webhook_of
from servers.publisher import Publisher, PublishFailed, service_from_environment, socket_origin
from servers.pusher_adapter import create_app
from servers.pusher_service.authorization import hex_hmac, user_auth
from servers.transports import find
from tests.support.chat_harness import ChatHarness, deliver, events, serving
from tests.support.clock import FakeClock
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.guest import closing, until
from tests.support.pusher_harness import CREDENTIALS
from tests.support.pusher_process import (
    ENV,
    official_api,
    open_connection,
    push_service,
    receive_event,
    send,
    service_settings,
    subscribe,
)
from tests.support.shortest_harness import QuietHandler, http_server

pytestmark = pytest.mark.process
ADAPTER = find("pusher_adapter")
BY_WEBHOOK = ("--presence", "webhook")


async def poll_until(address: str, path: str = "/health", **facts: object) -> dict[str, Any]:
    """Request JSON, even of a server that has not started yet, until it contains these facts; return it."""
    client = httpx.AsyncClient(base_url=address, trust_env=False, timeout=DEADLINE_S, verify=tls_context())
    async with asyncio.timeout(DEADLINE_S), client as http:
        while True:
            with suppress(httpx.TransportError):
                found: dict[str, Any] = (await http.get(path)).json()
                if facts.items() <= found.items():
                    return found
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("host", "origin"),
    [("", "wss://ws-eu.pusher.com"), ("push.test", "wss://push.test:4433"), ("127.0.0.1", "ws://127.0.0.1:*")],
)
def test_a_page_may_connect_to_the_push_service_of_the_environment_only(host: str, origin: str) -> None:
    address = ServiceAddress("key", "eu", host, 4433, tls=host != "127.0.0.1")
    assert socket_origin(address) == origin


STRANGE = (httpx.Response(200, text="a page"), httpx.Response(202, text="[]"), httpx.Response(502, text=999 * "a page"))
BROKEN = (httpx.ReadError("reset"), anyio.EndOfStream(), ssl.SSLError("bad record"))


@pytest.mark.parametrize("fault", [*STRANGE, *BROKEN, None], ids=repr)
@patch.multiple("servers.publisher", TIMEOUT_S=0.01, CONNECT_S=0.01)
@patch.dict(os.environ, service_settings("http://push.test:80"))
async def test_every_fault_of_a_service_is_a_failed_publish_within_a_limit(
    fault: httpx.Response | Exception | None,
) -> None:
    async def request(*_: object, **__: object) -> httpx.Response:
        if isinstance(fault, Exception):
            raise fault
        if fault is None:  # a response that does not end
            return await asyncio.Future[httpx.Response]()
        return fault

    publisher = Publisher(service_from_environment())
    publisher._http.request = request  # type: ignore[method-assign]
    async with asyncio.timeout(DEADLINE_S):
        await publisher.check()  # which only logs it
        assert bool(await publisher.impairment()) is not isinstance(fault, httpx.Response)
        calls: list[Coroutine[Any, Any, object]] = [publisher.channels("room"), publisher.members("room")]
        if not isinstance(fault, httpx.Response):
            calls += [publisher.publish("room", "page", "{}"), publisher.terminate("ada")]
        for call in calls:
            with pytest.raises(PublishFailed, match=r"^push service: .{5,250}$"):
                await call
    await publisher.close()


async def test_a_service_that_cannot_end_a_users_connections_is_reported_once_and_one_that_is_down_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with http_server(QuietHandler) as address, patch.dict(os.environ, service_settings(address)):  # it takes no POST
        publisher = Publisher(service_from_environment())
        for _ in range(3):
            await publisher.terminate("lobby.ada")
    warned = [record.getMessage() for record in caplog.records if record.name == "servers.publisher"]
    assert len(warned) == 1 and "keeps receiving" in warned[0] and "501" in warned[0]
    for _ in range(2):
        with pytest.raises(PublishFailed):
            await publisher.terminate("lobby.ada")
    await publisher.close()


@patch.dict(os.environ, ENV)
@patch.object(Publisher, "publish", AsyncMock(side_effect=PublishFailed("down")))
async def test_who_goes_offline_receives_no_more_though_it_cannot_be_published(store: Store, clock: FakeClock) -> None:
    chat = Chat(store, Tokens("secret", clock, lifetime_s=60.0), clock, Settings())
    create_app(chat, chat.settings)
    assert chat.on_commit
    with patch.object(Publisher, "terminate") as ended:
        await chat.on_commit(Event("lobby", 1, Kind.PRESENCE, "ada", "Ada", "offline", 1_000))
    ended.assert_awaited_once_with("lobby.ada")


@patch.dict(os.environ, ENV)
async def test_a_get_of_a_route_that_takes_posts_only_is_not_found(store: Store, clock: FakeClock) -> None:
    chat = Chat(store, Tokens("secret", clock, lifetime_s=60.0), clock, Settings())
    transport = httpx.ASGITransport(create_app(chat, chat.settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.get("/pusher/auth")).status_code == 404


async def test_clients_read_over_http_while_the_push_service_is_down() -> None:
    with push_service() as service:
        env = service_settings(service.address)
        with serving(ADAPTER, env=env) as server:
            harness = ChatHarness(ADAPTER, server.address)
            async with harness.joined("Ada", "Bob") as (ada, bob):
                await deliver("before", ada, bob)
                await poll_until(server.address, status="ok", ok=True)
                service.process.kill()
                await asyncio.to_thread(service.process.wait)
                for n in range(5):
                    await ada.send(str(n))
                assert [event.body for event in await events(bob, 5, Kind.MESSAGE)] == [*map(str, range(5))]
                await poll_until(server.address, status="degraded", ok=False)
                async with await harness.log_in("Eve") as eve:  # a newcomer is served, too
                    await deliver("hello", ada, eve)
                with push_service("--port", env["PUSHER_PORT"]) as revived:
                    await poll_until(revived.address, "/stats", subscriptions=2)
                    await ada.send("after")
                    assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["hello", "after"]
                    await poll_until(server.address, status="ok", ok=True)


async def test_a_push_service_that_is_killed_is_started_again_at_its_address() -> None:
    with serving(ADAPTER) as server:
        service = server.facts["push_service"]
        os.kill(server.facts["pids"]["push_service"], signal.SIGKILL)
        await poll_until(service)
        await poll_until(server.address, status="ok", ok=True)
        server.process.terminate()
        await asyncio.to_thread(server.process.wait, DEADLINE_S)
    with pytest.raises(httpx.ConnectError):  # and it ends with the adapter
        await asyncio.to_thread(httpx.get, f"{service}/health", trust_env=False)


def test_a_variable_that_is_refused_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with push_service() as service:
        for variable, value in (("PUSHER_APP_ID", "8"), ("PUSHER_KEY", "another"), ("PUSHER_SECRET", "another")):
            env = {**service_settings(service.address), variable: value}
            with pytest.raises(ChildFailed), serving(ADAPTER, env=env):
                pass
            assert f"check {variable}" in " ".join(capfd.readouterr().err.split())


async def test_the_reason_of_a_push_services_refusal_reaches_the_client_and_the_health_check() -> None:
    port = free_port()
    with (
        serving(ADAPTER, env=service_settings(f"http://{LOOPBACK}:{port}")) as server,
        started(["servers.pusher_service", "--port", str(port)], env={**ENV, "PUSHER_SECRET": "another"}),
    ):
        await poll_until(server.address, status="ok", ok=True)
        async with ChatHarness(ADAPTER, server.address).joined("Ada") as (ada,):
            await ada.send("which is refused by the service")
            assert "signature" in (await poll_until(server.address, status="degraded"))["detail"]
            with pytest.raises(Refused, match="the push service refused: auth for channel"):
                await events(ada, 2, Kind.MESSAGE)


@pytest.mark.parametrize(
    ("event", "data", "is_for_good"),
    [
        ("pusher:error", {"code": None, "message": "no"}, True),
        *(("pusher:error", f'{{"code": {code}, "message": "no"}}', True) for code in (4001, 4009)),
        ("pusher:error", {"code": 4100, "message": "no"}, False),
        ("pusher:subscription_error", {"type": "AuthError", "error": "no", "status": 403}, True),
        ("pusher:subscription_error", {"type": "LimitReached", "error": "no", "status": 503}, False),
        ("pusher:subscription_error", "no", True),
        ("pusher:error", 7, True),
    ],
)
def test_each_form_of_a_refusal_is_understood(event: str, data: object, is_for_good: bool) -> None:
    error = Frame(event, data).refusal()
    assert isinstance(error, Refused) is is_for_good
    assert "push service" in str(error)


@pytest.mark.parametrize("code", [4001, 4009])  # after a sign-in, 4009 would mean that the API has ended it
async def test_a_close_before_the_greeting_is_a_refusal(code: int) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "unknown key")

    async with serve(close, "127.0.0.1", 0) as service:
        address = ServiceAddress("key", "", "127.0.0.1", next(iter(service.sockets)).getsockname()[1], tls=False)
        with pytest.raises(Refused, match=r"the push service refused: .*unknown key"):
            await PusherSocket.connect(address, DEADLINE_S)


async def test_a_cancelled_attempt_to_connect_closes_its_connection() -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def silent(connection: ServerConnection) -> None:
        arrived.set()
        await connection.wait_closed()
        closed.set()

    async with serve(silent, "127.0.0.1", 0) as service, asyncio.timeout(DEADLINE_S):
        port = next(iter(service.sockets)).getsockname()[1]
        address = ServiceAddress("key", "", "127.0.0.1", port, tls=False)
        connecting = asyncio.create_task(PusherSocket.connect(address, DEADLINE_S))
        await arrived.wait()
        connecting.cancel()
        await closed.wait()


@contextmanager
def serving_by_webhook() -> Iterator[tuple[ChildProcess, ChatHarness, str]]:
    """Run a push service, and an API that learns from it who is there; yield both, and the webhook's URL."""
    port = free_port()
    webhook = webhook_of(BY_WEBHOOK, port)
    with push_service("--webhook", webhook) as service:
        env = service_settings(service.address)
        with serving(ADAPTER, *BY_WEBHOOK, "--lease", "60", port=port, env=env) as server:
            yield service, ChatHarness(ADAPTER, server.address), webhook


async def wait_for_webhooks(service: str, room: str) -> None:
    """Wait until the API knows the two members of a room's channel: then it ends a third one, who has no lease."""
    await poll_until(service, "/stats", subscriptions=2)
    with open_connection(service) as (client, socket_id):
        user = "0" * 16
        user_data = json.dumps({"id": f"{room}.{user}"})
        auth = user_auth(CREDENTIALS, socket_id, user_data)
        send(client, "pusher:signin", data={"auth": auth, "user_data": user_data})
        assert receive_event(client) == "pusher:signin_success"
        subscribe(client, socket_id, f"presence-room-{room}", {"user_id": f"{user}.{1 << 60}.window.{socket_id}"})
        assert (await asyncio.to_thread(closing, client))[0] == 4009


async def vanish(session: ChatSession) -> None:
    """Close a client's socket to the service, without leaving the room at the API."""
    assert session._receiving
    session._receiving.cancel()
    await session._connection.disconnect()


async def test_only_a_genuine_webhook_counts_and_a_late_one_does_no_harm() -> None:
    with serving_by_webhook() as (service, harness, webhook), official_api(service.address) as api:
        channel = f"presence-room-{harness.room}"

        async def post(name: str, member: str, signature: bytes = b"") -> int:
            event = {"name": name, "channel": channel, "user_id": member}
            body = json.dumps({"time_ms": int(time.time() * 1000) - 200_000, "events": [event]})
            signature = signature or hex_hmac(ENV["PUSHER_SECRET"], body).encode()
            headers = {b"X-Pusher-Key": ENV["PUSHER_KEY"].encode(), b"X-Pusher-Signature": signature}
            async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S, verify=tls_context()) as http:
                return (await http.post(webhook, content=body, headers=headers)).status_code

        async with harness.joined("Ada", "Bob") as (ada, bob):
            await wait_for_webhooks(service.address, harness.room)
            users = (await asyncio.to_thread(api.users_info, channel))["users"]
            (member,) = [user["id"] for user in users if user["id"].startswith(bob.account.user)]
            assert [await post("member_removed", member, forged) for forged in (b"00", "é".encode())] == [401, 401]
            earlier_socket = member.rsplit(".", 2)[0] + ".1.1"
            for name in ("member_removed", "member_removed", "member_added"):  # none of them touches his newer socket
                assert await post(name, earlier_socket) == 200
            await ada.send("still there")
            assert [event.body for event in await events(ada, 2)] == ["online", "still there"]
            await vanish(bob)
            (gone,) = await events(ada, 1)
            assert (gone.sender, gone.body) == (bob.account.user, "offline")
            assert await post("member_added", member) == 200
            await ada.send("still gone")
            assert [event.body for event in await events(ada, 1)] == ["still gone"]


async def test_a_push_service_that_was_restarted_says_again_who_is_there() -> None:
    with serving_by_webhook() as (service, harness, webhook):
        async with harness.joined("Ada", "Bob") as (ada, bob):
            await wait_for_webhooks(service.address, harness.room)
            service.process.kill()
            await asyncio.to_thread(service.process.wait)
            with push_service("--port", service.address.rpartition(":")[2], "--webhook", webhook) as revived:
                await wait_for_webhooks(revived.address, harness.room)
                await ada.send("both are there")
                await vanish(bob)
                assert [event.body for event in await events(ada, 3)] == ["online", "both are there", "offline"]


async def test_a_message_whose_publish_was_lost_is_read_after_silence_without_heartbeats(engines: Engines) -> None:
    options = ("--store", engines.fresh_url("redis"), *BY_WEBHOOK, "--lease", "1")
    with serving(ADAPTER, *options) as server, serving(ADAPTER, *options) as elsewhere:
        bobs = ChatHarness(ADAPTER, server.address)
        async with (
            bobs.joined("Bob") as (bob,),
            ChatHarness(ADAPTER, elsewhere.address, bobs.room).joined("Ada") as (ada,),
        ):
            receiving = bob._connection
            assert isinstance(receiving, Connection)
            await asyncio.to_thread(until, lambda: receiving._caught_up)
            await ada.send("published through a service that Bob does not use")
            assert (await events(bob, 1, Kind.MESSAGE))[0].sender == ada.account.user
