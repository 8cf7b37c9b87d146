"""The shortest chats, run as a person runs them: in Python, in node and in Chromium.

The results of each pair of server and client in node are in the committed comparison: see `test_comparison.py`.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from runpy import run_module

import pytest
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed

from servers.deploy.child_process import ChildProcess, python_module
from servers.shortest.compare import CLIENT_AS_WRITTEN, CLIENT_CORRECTED, SERVER_AS_WRITTEN, SERVER_CORRECTED
from servers.shortest.processes import JAVASCRIPT, line_of, node, running
from tests.support.browser import patient_browser
from tests.support.deadline import DEADLINE_S
from tests.support.guest import silent_socket
from tests.support.pusher_harness import Json
from tests.support.pusher_process import push_service, service_settings
from tests.support.shortest_harness import QuietHandler, http_server, send_broken_frame, send_half_a_body

pytestmark = pytest.mark.process
CHATS = ("raw_websocket_chat", "pusher_chat")


class Chat:
    """A chat's server, and the people who join."""

    def __init__(self, name: str, stack: ExitStack, log: Path) -> None:
        self._module = f"servers.shortest.{name}"
        self._stack = stack
        self._env = service_settings(stack.enter_context(push_service()).address) if name == "pusher_chat" else {}
        self.server = self._start("serve", "0", log=log)
        self.url = line_of(self.server)

    def person(self) -> ChildProcess:
        """Let somebody join, and wait until they are subscribed."""
        process = self._start("talk", self.url)
        assert line_of(process) == "listening"
        return process

    def _start(self, *arguments: str, log: Path | None = None) -> ChildProcess:
        env = {**self._env, "http_proxy": "http://127.0.0.1:1"}  # a proxy must not be used for this machine
        return self._stack.enter_context(running(python_module(self._module, *arguments), env, log))


@pytest.fixture(params=CHATS)
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chat]:
    with ExitStack() as stack:
        yield Chat(request.param, stack, tmp_path / "server.log")


def test_all_receive_what_anybody_sends_and_one_who_leaves_ends_only_their_own_chat(chat: Chat) -> None:
    ann, ben = chat.person(), chat.person()
    for sender, text in ((ann, "Grüße, Ben"), (ben, "Hello, Ann")):
        sender.write_line(text)
        assert [line_of(person) for person in (ann, ben)] == [text, text]
    ann.close_input()
    assert ann.process.wait(DEADLINE_S) == 0
    ben.write_line("anybody?")
    assert line_of(ben) == "anybody?"


@pytest.mark.parametrize(
    ("chat", "send"), [("raw_websocket_chat", send_broken_frame), ("pusher_chat", send_half_a_body)], indirect=["chat"]
)
def test_a_broken_request_ends_one_connection_only(chat: Chat, send: Callable[[str], None], tmp_path: Path) -> None:
    ann = chat.person()
    send(chat.url)
    ann.write_line("still there")
    assert line_of(ann) == "still there"
    chat.server.process.terminate()
    chat.server.wait(DEADLINE_S)
    complaint = (tmp_path / "server.log").read_text()
    assert "ClientDisconnect" not in complaint, "an API must expect that a caller hangs up"


@pytest.mark.parametrize("name", CHATS)
def test_a_wrong_command_is_answered_with_the_right_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, "sing"])
    monkeypatch.setenv("no_proxy", "")  # which a chat sets
    with pytest.raises(SystemExit, match="expected: serve PORT, or talk URL"):
        run_module(f"servers.shortest.{name}", run_name="__main__")


TALK = """async ([file, url]) => {
  const { connect } = await import(file);
  return new Promise((resolve) => {
    const onMessage = async (data) =>
      resolve({ received: typeof data === "string" ? data : await data.text(), type: data.constructor.name });
    try {
      connect(WebSocket, url, onMessage);
    } catch (error) {
      resolve({ threw: error.name, message: error.message });
    }
  });
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Return an empty page from the JavaScript's folder in Chromium, which can reach nothing but loopback."""
    with http_server(partial(QuietHandler, directory=JAVASCRIPT)) as address, patient_browser() as browser:
        page = browser.new_page()
        page.goto(f"{address}/")
        yield page


def result_in_chromium(page: Page, server: str, client: str) -> Json:
    with running(node(server)) as process:
        result: Json = page.evaluate(TALK, [f"/{client}", line_of(process)])
    return result


def test_sending_before_the_connection_is_open_throws(page: Page) -> None:
    result = result_in_chromium(page, SERVER_AS_WRITTEN, CLIENT_AS_WRITTEN)
    assert result["threw"] == "InvalidStateError"
    assert "Still in CONNECTING state" in result["message"]


@pytest.mark.parametrize(("server", "kind"), [(SERVER_AS_WRITTEN, "Blob"), (SERVER_CORRECTED, "String")])
def test_text_relayed_without_its_type_is_binary(page: Page, server: str, kind: str) -> None:
    assert result_in_chromium(page, server, CLIENT_CORRECTED) == {"received": "Hello!", "type": kind}


def test_a_broken_frame_ends_the_relay_as_written_and_every_connection(tmp_path: Path) -> None:
    log = tmp_path / "relay.log"
    with running(node(SERVER_AS_WRITTEN), log=log) as relay, silent_socket(url := line_of(relay)) as bystander:
        send_broken_frame(url)
        with pytest.raises(ConnectionClosed):
            bystander.recv(DEADLINE_S)
        assert relay.process.wait(DEADLINE_S) != 0
        assert "Invalid WebSocket frame: MASK must be set" in log.read_text()


def test_a_broken_frame_ends_only_its_own_connection_to_the_corrected_relay() -> None:
    with running(node(SERVER_CORRECTED)) as relay, silent_socket(url := line_of(relay)) as bystander:
        send_broken_frame(url)
        bystander.send("Hello!")
        assert bystander.recv(DEADLINE_S) == "Hello!"
        assert relay.process.poll() is None


def test_what_was_published_before_the_subscription_is_never_received() -> None:
    with push_service() as service:
        env = service_settings(service.address)

        def publish(text: str) -> None:
            with running(node("pusher_publish.mjs", text), env) as process:
                assert process.process.wait(DEADLINE_S) == 0

        publish("too early")
        with running(node("run_pusher_client.mjs"), env) as client:
            assert [json.loads(line_of(client)) for _ in range(2)] == [{"subscribing": True}, {"ready": True}]
            publish("Hello!")
            assert json.loads(line_of(client)) == {"received": "Hello!"}
