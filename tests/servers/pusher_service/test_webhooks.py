"""Webhooks: their events, when they are sent, and that a signed request is repeated until the API accepts it."""

import asyncio
import itertools
import json
import queue
import ssl
from unittest.mock import patch

import anyio
import httpx
import pytest
import stamina
from starlette.applications import Starlette

from servers.pusher_service.app import _lifespan
from servers.pusher_service.frames import as_json
from servers.pusher_service.limits import Counters, Limits
from servers.pusher_service.webhooks import BATCH_MAX, BYTES_MAX, GRACE_S, WebhookEvents, send_webhooks
from servers.webhook_presence import WEBHOOK_BYTES_MAX
from tests.support.deadline import DEADLINE_S
from tests.support.pusher_harness import CREDENTIALS, PusherHarness
from tests.support.pusher_process import official_api, open_connection, push_service, subscribe
from tests.support.shortest_harness import QuietHandler, http_server

ROOM = "presence-room"


def test_channels_members_client_events_and_misses_are_noted(harness: PusherHarness) -> None:
    first, second = (harness.connect_member(ROOM, "ann") for _ in range(2))
    harness.send(first, "client-hello", channel=ROOM, data="hi")
    harness.connect("cache-a")
    for socket_id in (first, second):
        harness.connections.close(socket_id)
    said = {"event": "client-hello", "data": "hi", "socket_id": first, "user_id": "ann"}
    assert harness.notes == [
        {"name": "channel_occupied", "channel": ROOM},
        {"name": "member_added", "channel": ROOM, "user_id": "ann"},
        {"name": "client_event", "channel": ROOM, **said},
        {"name": "channel_occupied", "channel": "cache-a"},
        {"name": "cache_miss", "channel": "cache-a"},
        {"name": "member_removed", "channel": ROOM, "user_id": "ann"},
        {"name": "channel_vacated", "channel": ROOM},
    ]


def test_a_user_who_returns_within_three_seconds_causes_no_event() -> None:
    now_s = 0.0
    events = WebhookEvents(lambda: now_s)
    ann, bob = ({"channel": ROOM, "user_id": user} for user in ("ann", "bob"))
    for name, user in (("member_removed", ann), ("member_removed", bob), ("member_added", ann)):
        events.note({"name": name, **user})
    now_s = 2.9
    assert events.take() == []
    now_s = 3.0
    assert events.take() == [{"name": "member_removed", **bob}]
    events.note({"name": "member_added", **bob})
    assert events.take() == [{"name": "member_added", **bob}]


@pytest.mark.parametrize("name", ["client_event", "channel_vacated"])
def test_events_that_nobody_takes_are_bounded_in_bytes_and_the_oldest_go(name: str) -> None:
    now_s = itertools.count(step=GRACE_S)
    events = WebhookEvents(lambda: next(now_s))
    data = "x" * 10_000
    sent = [str(number) for number in range(2 * BYTES_MAX // len(data))]
    for number in sent:
        events.note({"name": name, "channel": number, "data": data})
    assert len(events._delayed) <= 1
    taken = [event["channel"] for batch in iter(events.take, []) for event in batch]
    assert taken == sent[-len(taken) :]
    assert 0.8 * BYTES_MAX < len(taken) * len(data) <= BYTES_MAX


@pytest.mark.parametrize("character", ["\0", "é", "語", "🙂"])
def test_no_request_is_longer_than_the_api_accepts_with_the_longest_client_events(character: str) -> None:
    events = WebhookEvents(lambda: 0.0)
    limits = Limits()
    data = character * (limits.data_bytes_max // len(character.encode()))
    names = {"channel": limits.channel_name_chars_max * "x", "event": limits.event_name_chars_max * character}
    ids = {"socket_id": f"{1 << 32}.{1 << 32}", "user_id": limits.user_id_chars_max * character}
    longest = {**names, **ids, "data": data}
    for _ in range(2 * BATCH_MAX):
        events.note({"name": "client_event", **longest})
    batches = list(iter(events.take, []))
    assert sum(map(len, batches)) == 2 * BATCH_MAX
    assert max(len(as_json({"time_ms": 1 << 50, "events": batch}).encode()) for batch in batches) < WEBHOOK_BYTES_MAX


@patch("servers.pusher_service.webhooks.RESPONSE_S", 0.01)
@patch("servers.pusher_service.app.AGAIN_S", 0.0)
async def test_no_error_ends_the_delivery_and_what_could_not_be_expected_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = [httpx.ReadError("reset"), anyio.EndOfStream(), ssl.SSLError("bad record")]
    faults = [ValueError("a mistake"), None, *broken]
    accepted = asyncio.Event()

    async def post(http: httpx.AsyncClient, url: str, **_: object) -> httpx.Response:
        if faults:
            if fault := faults.pop(0):
                raise fault
            await asyncio.Event().wait()  # a response that does not end
        accepted.set()
        return httpx.Response(200, request=httpx.Request("POST", url))

    events = WebhookEvents(lambda: 0.0)
    for _ in range(2 * BATCH_MAX + 1):  # three requests: the first two are lost with their events
        events.note({"name": "cache_miss", "channel": "cache-a"})
    url = "http://api.test/webhook?password=hidden"
    lifespan = _lifespan([lambda: send_webhooks(events, url, CREDENTIALS, Counters())])
    with patch.object(httpx.AsyncClient, "post", post), stamina.set_testing(True, attempts=4):
        async with asyncio.timeout(DEADLINE_S), lifespan(Starlette()):
            await accepted.wait()
    assert "a mistake" in caplog.text and "100 events were not delivered" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.process
def test_a_webhook_is_valid_for_the_official_library_and_repeated_until_accepted() -> None:
    received: queue.Queue[tuple[str, str, str]] = queue.Queue()
    statuses = iter((500, 200))

    class Endpoint(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 (the library's name)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.put((self.headers["X-Pusher-Key"], self.headers["X-Pusher-Signature"], body))
            self.send_response(next(statuses))
            self.end_headers()

    with (
        http_server(Endpoint) as url,
        push_service("--webhook", url) as service,
        official_api(service.address) as api,
        open_connection(service.address) as (client, socket_id),
    ):
        subscribe(client, socket_id, ROOM, {"user_id": "ann"})
        first, second = (received.get(timeout=DEADLINE_S) for _ in range(2))
        assert first == second
        validated = api.validate_webhook(*second)
        assert validated == json.loads(second[2])
        assert [event["name"] for event in validated["events"]] == ["channel_occupied", "member_added"]
