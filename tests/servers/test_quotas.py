"""The limits of each user and network, on a clock that the test moves; and what a forwarding server counts."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from loadtests.scenarios import PREVIEW, SCENARIOS
from servers.addresses import network_of
from servers.core.auth import Tokens
from servers.core.chat import Chat
from servers.core.counters import Counters
from servers.core.errors import TooMany
from servers.core.quotas import USERS_MAX, RateLimit
from servers.core.settings import Settings
from servers.core.store import Store
from servers.deploy.separate_websocket_server.remote_api import Api, forward_requests
from servers.short_polling import create_app
from tests.support.clock import FakeClock


def test_a_burst_of_each_user_is_accepted_and_then_a_steady_rate(clock: FakeClock) -> None:
    limit = RateLimit(clock, per_s=2, burst=10)
    for _ in range(10):
        limit.check("ada")
    for _ in range(100):  # further attempts do not lengthen the wait
        with pytest.raises(TooMany) as refusal:
            limit.check("ada")
    limit.check("bob")
    assert refusal.value.retry_after_s == pytest.approx(0.5)
    clock.advance(refusal.value.retry_after_s)
    limit.check("ada")
    with pytest.raises(TooMany):
        limit.check("ada")


def test_the_number_of_remembered_users_is_limited_and_the_busiest_is_kept(clock: FakeClock) -> None:
    limit = RateLimit(clock, per_s=1, burst=1000)
    for _ in range(1000):
        limit.check("busy")
    for number in range(3 * USERS_MAX):
        limit.check(str(number))
    assert len(limit._full_at_s) <= USERS_MAX
    with pytest.raises(TooMany):
        limit.check("busy")


@dataclass
class Entrance:
    """A chat's server, and another one (`front`) that forwards commands to it, with users from any address."""

    chat: Chat
    app: Starlette
    front: Starlette
    numbers: Iterator[int] = field(default_factory=count)

    async def enter(
        self, address: str, proxy: str = "", forged: str = "", room: str = "", at_front: bool = False
    ) -> None:
        """Log in from an address and join; raises TooMany. forged: what the client itself puts into X-Forwarded-For."""
        name = f"user-{next(self.numbers)}"
        client = httpx.ASGITransport(self.front if at_front else self.app, client=(proxy or address, 1))
        async with httpx.AsyncClient(transport=client, base_url="http://127.0.0.1") as http:
            forwarded = {"X-Forwarded-For": forged + address} if proxy or forged else {}
            response = await http.post("/login", json={"name": name}, headers=forwarded)
        if response.status_code == TooMany.http_status:
            raise TooMany(response.json()["detail"], float(response.headers["Retry-After"]))
        await self.chat.join(self.chat.verify(response.json()["token"]), room or name, "window")


@pytest.fixture
async def entrance(store: Store, clock: FakeClock) -> AsyncIterator[Entrance]:
    settings = Settings(network_rooms_max=3, commands_per_s=1.0)
    tokens = Tokens("secret", clock, 3600)
    chat = Chat(store, tokens, clock, settings)
    app = create_app(chat, settings)
    api = Api("http://127.0.0.1", tokens)
    api._http._transport = httpx.ASGITransport(app, client=("::1", 1))
    front = Starlette()
    front.state.counters = Counters()
    forward_requests(front, api, settings)
    yield Entrance(chat, app, front)
    await api.close()


@pytest.mark.parametrize("server", ["app", "front"])
async def test_a_scheme_may_be_in_lower_case_and_upkeep_counts_as_no_send(entrance: Entrance, server: str) -> None:
    app: Starlette = getattr(entrance, server)
    body = {"name": "Ada", "connection": "window"}
    paths = ("/login", *(f"/rooms/room/{command}" for command in ("join", "heartbeat", "leave")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        token = (await http.post("/login", json=body)).json()["token"]
        headers = {"Authorization": f"bearer {token}"}
        assert [(await http.post(path, json=body, headers=headers)).status_code for path in paths] == [200] * 4
    assert app.state.counters.requests == {"send": 0, "receive": 0, "upkeep": 5}


async def test_the_users_of_one_network_have_a_share_of_the_rooms(entrance: Entrance, clock: FakeClock) -> None:
    enter = entrance.enter
    for address in ("198.51.100.1", "2001:db8::1", "2001:db8:0:1::"):
        for _ in range(3):
            await enter(address, proxy="127.0.0.1")
    refused: list[dict[str, Any]] = [
        {"address": "198.51.100.1"},
        {"address": "198.51.100.1", "proxy": "::1", "forged": "203.0.113.1, "},
        {"address": "2001:db8::2", "forged": "198.51.100.2, "},
        {"address": "198.51.100.1", "at_front": True},
    ]
    for visit in refused:
        with pytest.raises(TooMany, match="your network is in 3 already") as refusal:
            await enter(**visit)
    await enter("198.51.100.2", proxy="127.0.0.1")
    clock.advance(refusal.value.retry_after_s)
    for _ in range(10):
        await enter("198.51.100.1", room="one")
    with pytest.raises(TooMany, match="log-ins: more than 1 a second"):
        await enter("198.51.100.1", room="one", at_front=True)


@pytest.mark.parametrize(
    ("host", "network"), [("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::7", "2001:db8::/64"), ("testclient", "")]
)
def test_an_ipv6_customer_has_one_network_however_many_addresses(host: str, network: str) -> None:
    assert network_of(host) == network


def test_no_scenario_comes_near_the_limits() -> None:
    """All users of a load share one address; an absence takes two commands, to leave and to join."""
    for load in (load for scenario in (*SCENARIOS, PREVIEW) for load in scenario.workloads):
        commands_per_s = load.rate_per_s + load.typing_per_s + load.receipts_per_s + 2 * load.comings_per_s
        assert commands_per_s < Settings().commands_per_s / 100  # far below, so that no measurement meets it
        assert len(load.rooms) < Settings().network_rooms_max
        assert load.users < Settings().commands_burst  # all log in from one network, at once
