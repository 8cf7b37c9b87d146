"""The demo's window: its lanes, its counters, and controls that obey only the demo's own page."""

import re
from collections.abc import Iterator

import httpx
import pytest

from notebooks.analysis import link
from servers.transports import TRANSPORTS
from tests.support.deadline import DEADLINE_S
from tests.support.demo_window import running_demo

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def page() -> Iterator[httpx.Client]:
    """Return a client that sends the origin and the secret of the demo's own page."""
    with running_demo() as address, httpx.Client(base_url=address, timeout=DEADLINE_S, trust_env=False) as client:
        secret = re.search(r'name="secret" content="([^"]+)"', client.get("/").text)
        assert secret
        client.headers.update({"Origin": address, "X-Secret": secret[1], "Content-Type": "application/json"})
        yield client


def test_a_window_gets_its_lanes_each_at_an_origin_of_its_own(page: httpx.Client) -> None:
    opened = page.post("/control", json={"type": "open_window", "window": ""}).json()
    lanes = {lane["slug"]: lane for lane in opened["lanes"]}
    assert list(lanes) == [row.slug for row in TRANSPORTS if not row.is_addition]
    addresses = [lane["address"] for lane in lanes.values()] + [lanes["pusher_adapter"]["push_service"]]
    addresses.append(str(page.base_url).rstrip("/"))
    assert len(set(addresses)) == len(addresses), "no two share an origin"
    for slug, lane in lanes.items():
        assert httpx.get(f"{lane['address']}/health", trust_env=False).json()["transport"] == slug
    again = page.post("/control", json={"type": "open_window", "window": opened["window"]}).json()
    assert again["lanes"] == opened["lanes"]


def test_a_window_gets_the_bytes_of_a_poll_over_each_link_as_the_notebook_computes_them(page: httpx.Client) -> None:
    opened = page.post("/control", json={"type": "open_window", "window": ""}).json()
    size_of_a_poll = link.SENTENCES[0].figure
    bytes_by_link = {run.cells["link"].iloc[0]: size_of_a_poll(run) for run in link.points_of("link").values()}
    assert opened["request_bytes"] == pytest.approx(bytes_by_link, rel=0.05)


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "http://evil.example"},
        {"Origin": ""},
        {"X-Secret": "guessed"},
        {"X-Secret": ""},
        {"Content-Type": "text/plain"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_a_foreign_request_is_refused(page: httpx.Client, changed: dict[str, str]) -> None:
    response = page.post("/control", json={"type": "set_crowd", "people": 0}, headers=changed)
    assert response.status_code == 403
    assert response.json()["detail"].startswith(next(iter(changed)))


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"type": "format_disk"}, 400, "format_disk"),
        ({"type": "set_crowd", "people": 6}, 400, "people"),
        ({"type": "set_crowd", "people": -1}, 400, "people"),
        ({"type": "restart", "lane": "carrier_pigeon"}, 404, "short_polling"),
        ({"type": "restart", "lane": "server_sent_events"}, 400, "is off"),
        ({"type": "enable_lane", "lane": "raw_websocket", "on": False}, 400, "always on"),
        ({"type": "connect_lane", "window": "none", "lane": "server_sent_events"}, 400, "is off"),
        ({"type": "set_network", "window": "none", "delay_ms": 1, "is_cut": False}, 404, "not open"),
        ({"type": "set_network", "window": "none", "delay_ms": 1e9, "is_cut": False}, 400, "delay_ms"),
        ({"type": "reset_counts", "window": "none"}, 404, "not open"),
        ({"type": "reset_counts", "window": "none", "more": 1}, 400, "more"),
    ],
)
def test_an_invalid_command_is_refused(page: httpx.Client, body: dict[str, object], status: int, named: str) -> None:
    response = page.post("/control", json=body)
    assert response.status_code == status
    assert named in response.json()["detail"]


def test_every_page_has_a_security_policy_that_allows_nothing_inline(page: httpx.Client) -> None:
    lane = page.post("/control", json={"type": "open_window", "window": ""}).json()["lanes"][0]
    chat = httpx.get(f"{lane['address']}/web/chat.html", trust_env=False)
    for response, framed_by in ((page.get("/"), "'self'"), (chat, f"'self' {str(page.base_url).rstrip('/')}")):
        policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == framed_by
        assert response.headers["cross-origin-opener-policy"] == "same-origin"


def test_counters_come_as_a_stream_and_an_unknown_window_gets_the_event_gone(page: httpx.Client) -> None:
    window = page.post("/control", json={"type": "open_window", "window": ""}).json()["window"]
    with page.stream("GET", f"/counters?window={window}") as stream:
        snapshot = next(line for line in stream.iter_lines() if line.startswith("data: "))
        assert '"raw_websocket":{"is_on":true,"is_up":true,"counts":{"requests":' in snapshot
    with page.stream("GET", "/counters?window=never-opened") as stream:
        assert next(stream.iter_lines()) == "event: gone"


def test_a_page_under_another_name_of_this_machine_is_redirected(page: httpx.Client) -> None:
    port = page.base_url.port
    response = httpx.get(f"{page.base_url}?tour", headers={"Host": f"localhost:{port}"}, trust_env=False)
    assert response.headers["location"] == f"http://127.0.0.1:{port}/?tour"
