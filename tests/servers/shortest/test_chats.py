"""The two shortest chats in Python, run as a person runs them: a server, and people who write and read lines."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from servers.shortest.processes import DEADLINE_S, Process, line_of, python, running, write_line
from tests.support.pusher_process import push_service, service_settings
from tests.support.shortest_harness import send_broken_frame, send_half_a_body

pytestmark = pytest.mark.process

CHATS = ("raw_websocket_chat", "pusher_chat")


class Chat:
    """A chat's server, and the people who join."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._module = f"servers.shortest.{name}"
        self._stack = stack
        self._env = service_settings(stack.enter_context(push_service()).address) if name == "pusher_chat" else {}
        self.server = self._start("serve", "0")
        self.url = line_of(self.server)

    def person(self) -> Process:
        """Let somebody join, and wait until they are subscribed."""
        process = self._start("talk", self.url)
        assert line_of(process) == "listening"
        return process

    def _start(self, *arguments: str) -> Process:
        env = {**self._env, "http_proxy": "http://127.0.0.1:1"}  # which must not be asked for this machine
        return self._stack.enter_context(running(python(self._module, *arguments), env))


@pytest.fixture(params=CHATS)
def chat(request: pytest.FixtureRequest) -> Iterator[Chat]:
    with ExitStack() as stack:
        yield Chat(request.param, stack)


def test_everybody_receives_what_anybody_sends_and_who_closes_their_input_leaves_alone(chat: Chat) -> None:
    ann, ben = chat.person(), chat.person()
    for sender, text in ((ann, "Grüße, Ben"), (ben, "Hello, Ann")):
        write_line(sender, text)
        assert [line_of(person) for person in (ann, ben)] == [text, text]
    assert ann.stdin is not None
    ann.stdin.close()
    assert ann.wait(DEADLINE_S) == 0
    write_line(ben, "anybody?")
    assert line_of(ben) == "anybody?"


@pytest.mark.parametrize(
    ("chat", "send"), [("raw_websocket_chat", send_broken_frame), ("pusher_chat", send_half_a_body)], indirect=["chat"]
)
def test_a_broken_request_ends_one_connection_only(chat: Chat, send: Callable[[str], None]) -> None:
    ann = chat.person()
    send(chat.url)
    write_line(ann, "still there")
    assert line_of(ann) == "still there"
    chat.server.terminate()
    assert chat.server.stderr is not None
    assert b"ClientDisconnect" not in chat.server.stderr.read()


@pytest.mark.parametrize("name", CHATS)
def test_a_wrong_command_is_answered_with_the_right_ones(name: str) -> None:
    with running(python(f"servers.shortest.{name}", "sing")) as process:
        assert process.wait(DEADLINE_S) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b"expected: serve PORT, or talk URL\n"
