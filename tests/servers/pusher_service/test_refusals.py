"""How the push service says no: HTTP statuses, close codes, and errors on a connection that stays."""

from collections.abc import Callable, Iterator

import httpx
import pusher
import pytest
from pusher.errors import PusherBadAuth, PusherBadStatus

from servers.pusher_service.signatures import Credentials
from tests.support.engines import Engines
from tests.support.pusher_process import (
    CREDENTIALS,
    DEADLINE_S,
    TOPOLOGIES,
    Json,
    arguments_of,
    close_code,
    greeted,
    heard,
    official_api,
    push_service,
    say,
    socket,
)

pytestmark = pytest.mark.process


@pytest.fixture(scope="module", params=TOPOLOGIES)
def address(request: pytest.FixtureRequest, engines: Engines) -> Iterator[str]:
    with push_service(*arguments_of(request.param, engines)) as running:
        yield running.address


@pytest.fixture
def api(address: str) -> Iterator[pusher.Pusher]:
    with official_api(address) as api:
        yield api


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.trigger("a", "news", "1"),
        lambda api: api.trigger_batch([{"channel": "a", "name": "news", "data": "1"}]),
        lambda api: api.channels_info(),
        lambda api: api.channel_info("a"),
        lambda api: api.users_info("presence-a"),
    ],
    ids=["trigger", "batch", "channels", "channel", "users"],
)
def test_a_bad_signature_is_answered_with_401_at_every_endpoint(
    address: str, call: Callable[[pusher.Pusher], Json]
) -> None:
    with (
        official_api(address, Credentials("7", CREDENTIALS.key, "guessed")) as stranger,
        pytest.raises(PusherBadAuth, match="auth_signature"),
    ):
        call(stranger)


def test_an_unknown_app_is_answered_with_404(address: str) -> None:
    with (
        official_api(address, Credentials("8", CREDENTIALS.key, CREDENTIALS.secret)) as stranger,
        pytest.raises(PusherBadStatus, match="404"),
    ):
        stranger.trigger("a", "news", "1")


def test_data_over_10240_bytes_is_answered_with_413(api: pusher.Pusher) -> None:
    event = {"channel": "a", "name": "news", "data": "x" * 10_241}
    with pytest.raises(PusherBadStatus, match="413"):
        api.trigger_batch([event], already_encoded=True)


def test_an_endless_body_is_answered_with_413_before_it_is_understood(address: str) -> None:
    with httpx.Client(trust_env=False, base_url=address) as http:
        assert http.post("/apps/7/events", content=b"x" * (1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/app/wrong\N{PILE OF POO}?protocol=7", 4001),
        (f"/app/{CREDENTIALS.key}?protocol=x", 4006),
        (f"/app/{CREDENTIALS.key}?protocol=99", 4007),
        (f"/app/{CREDENTIALS.key}", 4008),
    ],
)
def test_a_refused_connection_is_told_why_and_closed_with_the_code(address: str, path: str, code: int) -> None:
    with socket(address, path) as client:
        frame = heard(client)
        assert (frame["event"], frame["data"]["code"]) == ("pusher:error", code)
        assert close_code(client) == code


def test_a_binary_frame_is_answered_with_an_error_and_a_control_ping_with_a_pong(address: str) -> None:
    with socket(address) as client:
        greeted(client)
        client.send(b"\x00")
        assert heard(client)["event"] == "pusher:error"
        assert client.ping().wait(DEADLINE_S)


def test_an_oversize_frame_ends_its_connection_only(address: str) -> None:
    with socket(address) as client, socket(address) as other:
        greeted(client)
        greeted(other)
        client.send("x" * (64 * 1024 + 1))
        assert close_code(client) == 1009
        say(other, "pusher:ping")
        assert heard(other)["event"] == "pusher:pong"
