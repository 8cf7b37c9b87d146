"""The fallbacks over plain HTTP, request by request; in `tests/loadtests/test_capture.py` pusher-js uses them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import httpx
import pytest

from servers.asgi_extensions import TextFrame
from servers.pusher_service import fallbacks
from servers.pusher_service.app import create_app
from servers.pusher_service.limits import Limits
from tests.support.deadline import DEADLINE_S
from tests.support.pusher_harness import CREDENTIALS

LIMITS = Limits(connections_max=1, backlog_messages_max=2, detached_s=DEADLINE_S)
SHORT_S = 0.7
SESSION = f"/pusher/app/{CREDENTIALS.key}/7/abcdefgh"
UNKNOWN = "/pusher/app/unknown/7/a"
TOO_LONG = "x" * 64  # added to a session's name
PING = json.dumps([json.dumps({"event": "pusher:ping"})])


@pytest.fixture(params=[LIMITS])
async def http(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the push service in this process."""
    monkeypatch.setattr(fallbacks, "CHECK_S", 0.0)
    app = create_app(CREDENTIALS, request.param)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        yield http


async def poll(http: httpx.AsyncClient, session: str = SESSION, protocol: str = "7") -> str:
    return (await http.post(f"{session}/xhr", params={"protocol": protocol})).text


async def until_forgotten(http: httpx.AsyncClient) -> None:
    """Wait until the service has no connection any more."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if (await http.get("/stats")).json()["connections_open"] == 0:
                return
            await asyncio.sleep(0.05)


async def test_a_client_that_lags_gets_the_reason_and_can_open_its_session_again(http: httpx.AsyncClient) -> None:
    await poll(http)
    await http.post(f"{SESSION}/xhr_send", content=json.dumps(3 * json.loads(PING)))
    for _ in range(10):  # the service looks for connections that are over
        await asyncio.sleep(0)
    assert (await poll(http)).startswith("c[4200,")
    await until_forgotten(http)
    assert await poll(http) == "o\n"


def test_what_waits_for_a_client_is_measured_in_bytes() -> None:
    outbox = fallbacks.HttpOutbox(Limits(backlog_bytes_max=100))
    assert [outbox.put(TextFrame("語".encode() * 25)) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("http", [replace(LIMITS, detached_s=SHORT_S)], indirect=True)
async def test_a_client_that_does_not_come_back_in_time_is_forgotten(http: httpx.AsyncClient) -> None:
    opened_s = monotonic()
    await poll(http)
    await until_forgotten(http)
    assert monotonic() - opened_s >= SHORT_S


@pytest.mark.parametrize(
    ("open_already", "session", "protocol", "code"),
    [
        (UNKNOWN, UNKNOWN, "7", 4001),
        (UNKNOWN, SESSION, "8", 4007),
        (f"{SESSION}x", f"{SESSION}i", "7", 4100),
    ],
    ids=["unknown key", "unknown protocol", "too many connections"],
)
async def test_the_first_response_to_a_rejected_client_states_the_reason(
    open_already: str, session: str, protocol: str, code: int, http: httpx.AsyncClient
) -> None:
    await poll(http, open_already)
    opened, error, closed = (await poll(http, session, protocol)).splitlines()
    assert (opened, json.loads(closed[1:])[0]) == ("o", code)
    assert json.loads(json.loads(error[1:])[0])["data"]["code"] == code


async def test_nothing_can_be_sent_before_the_first_poll(http: httpx.AsyncClient) -> None:
    assert (await http.post(f"{SESSION}/xhr_send", content=PING)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/xhr_send", "{", 400),
        ("/xhr_send", b"\xff", 400),
        ("/xhr_send", "x" * 2_000_000, 413),
        ("/jsonp", "", 404),
        (f"{TOO_LONG}/xhr", "[]", 400),
        (f"{TOO_LONG}/xhr_streaming", "[]", 400),
        (f"{TOO_LONG}/xhr_send", "[]", 400),
    ],
)
async def test_an_invalid_request_is_refused(path: str, body: str, status: int, http: httpx.AsyncClient) -> None:
    await poll(http)
    assert (await http.post(f"{SESSION}{path}", content=body)).status_code == status
