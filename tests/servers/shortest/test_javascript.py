"""What happens to a chat as tutorials write it, in node and in Chromium, and that the smallest corrections mend it."""

import difflib
import json
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from servers.deploy.processes import Running
from tests.support.pusher_process import CREDENTIALS, DEADLINE_S, Json, push_service
from tests.support.shortest_harness import (
    JAVASCRIPT,
    Process,
    chromium_page,
    environment,
    line_of,
    node,
    node_server,
    running,
    send_broken_frame,
    told_in_node,
)

pytestmark = pytest.mark.process

SERVERS = {True: "websocket_server_as_written.mjs", False: "websocket_server_corrected.mjs"}
CLIENTS = {True: "websocket_client_as_written.mjs", False: "websocket_client_corrected.mjs"}
TALK = """async ([file, url]) => {
  const { talk } = await import(file);
  return new Promise((told) => {
    const heard = async (data) =>
      told({ heard: typeof data === "string" ? data : await data.text(), as: data.constructor.name });
    try {
      talk(WebSocket, url, heard);
    } catch (error) {
      told({ threw: error.name, message: error.message });
    }
  });
}"""
LISTEN = """async ([key, host, port]) => {
  const { listen } = await import("/pusher_client.mjs");
  const where = { cluster: "local", wsHost: host, wsPort: port, forceTLS: false, enabledTransports: ["ws"] };
  return new Promise((ready) => {
    window.heard = new Promise((heard) => listen(Pusher, key, where, heard, () => ready(true)));
  });
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with push_service() as started:
        yield started


def told_in_chromium(page: Page, client: str, url: str) -> Json:
    told: Json = page.evaluate(TALK, [f"/{client}", url])
    return told


def publish(service: Running, text: str) -> None:
    command = node("pusher_publish.mjs", text)
    with running(command, JAVASCRIPT, environment(service.address)) as process:
        assert process.wait(DEADLINE_S) == 0


def test_speaking_before_the_line_is_open_throws_in_node_and_in_chromium(page: Page) -> None:
    with node_server(SERVERS[True]) as (_, url):
        assert told_in_node(CLIENTS[True], url) == {
            "threw": "Error",
            "message": "WebSocket is not open: readyState 0 (CONNECTING)",
        }
        told = told_in_chromium(page, CLIENTS[True], url)
    assert told["threw"] == "InvalidStateError"
    assert "Still in CONNECTING state" in told["message"]


def test_text_that_is_relayed_as_it_came_arrives_as_binary(page: Page) -> None:
    with node_server(SERVERS[True]) as (_, url):
        assert told_in_node(CLIENTS[False], url) == {"heard": "Hello!", "as": "Buffer"}
        assert told_in_chromium(page, CLIENTS[False], url) == {"heard": "Hello!", "as": "Blob"}


def test_corrected_the_text_arrives_as_text(page: Page) -> None:
    with node_server(SERVERS[False]) as (_, url):
        assert told_in_node(CLIENTS[False], url) == {"heard": "Hello!", "as": "String"}
        assert told_in_chromium(page, CLIENTS[False], url) == {"heard": "Hello!", "as": "String"}


def bystander(url: str) -> ClientConnection:
    return connect(url, proxy=None, compression=None, close_timeout=1)


def complaint(process: Process) -> str:
    assert process.stderr is not None
    return process.stderr.read().decode()


def test_one_broken_frame_ends_the_relay_as_written_for_everybody() -> None:
    with node_server(SERVERS[True]) as (process, url), bystander(url) as line:
        send_broken_frame(url)
        with pytest.raises(ConnectionClosed):
            line.recv(DEADLINE_S)
        assert process.wait(DEADLINE_S) != 0
        assert "Invalid WebSocket frame: MASK must be set" in complaint(process)


def test_corrected_a_broken_frame_ends_one_line_only() -> None:
    with node_server(SERVERS[False]) as (process, url), bystander(url) as line:
        send_broken_frame(url)
        line.send("Hello!")
        assert line.recv(DEADLINE_S) == "Hello!"
        assert process.poll() is None


@pytest.mark.parametrize(("pair", "lines"), [(CLIENTS, 1), (SERVERS, 3)], ids=["client", "server"])
def test_the_corrections_are_the_smallest(pair: dict[bool, str], lines: int) -> None:
    as_written, corrected = (
        [line for line in (JAVASCRIPT / pair[which]).read_text().splitlines() if not line.startswith("//")]
        for which in (True, False)
    )
    changed = [line for line in difflib.ndiff(as_written, corrected) if line.startswith("+")]
    assert len(changed) == lines


def test_what_was_published_before_the_subscription_is_never_heard(service: Running) -> None:
    publish(service, "too early")
    with running(node("run_pusher_client.mjs"), JAVASCRIPT, environment(service.address)) as client:
        assert [json.loads(line_of(client)) for _ in range(2)] == [{"subscribing": True}, {"ready": True}]
        publish(service, "Hello!")
        assert json.loads(line_of(client)) == {"heard": "Hello!"}


def test_a_page_hears_through_pusher_as_text(page: Page, service: Running) -> None:
    host, _, port = service.address.removeprefix("http://").partition(":")
    page.add_script_tag(url="/node_modules/pusher-js/dist/web/pusher.min.js")
    assert page.evaluate(LISTEN, [CREDENTIALS.key, host, int(port)]) is True
    publish(service, "Hello!")
    assert page.evaluate("window.heard") == "Hello!"


def test_node_20_has_no_websocket_of_its_own_so_the_examples_bring_one() -> None:
    asked = "console.log(`${parseInt(process.versions.node)} ${typeof WebSocket}`)"
    printed = subprocess.run(node("-e", asked), check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout
    major, kind = printed.split()
    assert (kind == "function") is (int(major) >= 22)
