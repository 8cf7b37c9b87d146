"""The two shortest chats in Python, run as a person runs them: a server, and people who write lines and read them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.pusher_process import DEADLINE_S, push_service
from tests.support.shortest_harness import Process, environment, line_of, python, running, send_broken_frame

pytestmark = pytest.mark.process

CHATS = ("raw_websocket_chat", "pusher_chat")


class Stage:
    """One chat with its server, to which people come."""

    def __init__(self, chat: str, stack: ExitStack) -> None:
        self._command = python(f"servers.shortest.{chat}")
        self._stack = stack
        address = stack.enter_context(push_service()).address if chat == "pusher_chat" else ""
        self._env = environment(address)
        self.server = self._started("serve", "0")
        self.url = line_of(self.server)

    def person(self) -> Process:
        """Let somebody come, and wait until they listen."""
        process = self._started("talk", self.url)
        assert line_of(process) == "listening"
        return process

    def _started(self, *arguments: str) -> Process:
        return self._stack.enter_context(running([*self._command, *arguments], env=self._env))


@pytest.fixture(params=CHATS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(request.param, stack)


def say(person: Process, text: str) -> None:
    assert person.stdin is not None
    person.stdin.write(f"{text}\n".encode())


def test_everybody_hears_what_anybody_says(stage: Stage) -> None:
    ann, ben = stage.person(), stage.person()
    for speaker, text in ((ann, "Grüße, Ben"), (ben, "Hello, Ann")):
        say(speaker, text)
        assert [line_of(person) for person in (ann, ben)] == [text, text]


def test_whoever_closes_their_input_leaves_and_the_others_stay(stage: Stage) -> None:
    ann, ben = stage.person(), stage.person()
    assert ann.stdin is not None
    ann.stdin.close()
    assert ann.wait(DEADLINE_S) == 0
    say(ben, "anybody?")
    assert line_of(ben) == "anybody?"


@pytest.mark.parametrize("stage", ["raw_websocket_chat"], indirect=True)
def test_a_broken_frame_ends_one_line_only(stage: Stage) -> None:
    ann = stage.person()
    send_broken_frame(stage.url)
    say(ann, "still there")
    assert line_of(ann) == "still there"


@pytest.mark.parametrize("chat", CHATS)
def test_a_wrong_command_is_told_the_right_ones(chat: str) -> None:
    with running(python(f"servers.shortest.{chat}", "sing")) as process:
        assert process.wait(DEADLINE_S) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b"expected: serve PORT, or talk URL\n"
