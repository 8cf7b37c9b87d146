"""The terminal chat at work: what it tells the others, and real sessions on a terminal and through a pipe."""

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from typer.testing import CliRunner

from clients.__main__ import Tokens, app, explain
from clients.errors import Refused
from clients.terminal_chat import TerminalChat
from clients.terminal_screens import PromptScreen
from clients.typing_notices import RENEW_S, TypingNotices
from servers import transports
from servers.core.wire import Kind
from servers.deploy.processes import started
from tests.support.chat_harness import DEADLINE_S, ChatHarness, events, until

SOCKET = transports.find("raw_websocket")


def test_typing_is_told_at_once_and_then_no_more_often_than_it_must_be() -> None:
    notices = TypingNotices()
    assert [notices.due(typed, now_s) for typed, now_s in (("h", 0.0), ("he", 0.3), ("hel", RENEW_S))] == [
        True,
        None,
        True,
    ]


def test_whoever_pauses_is_not_said_to_type_on() -> None:
    notices = TypingNotices()
    assert [notices.due("h", 0.0), notices.due("h", 2 * RENEW_S)] == [True, None]


def test_an_emptied_line_is_told_once() -> None:
    notices = TypingNotices()
    assert [notices.due(typed, 0.0) for typed in ("h", "", "")] == [True, False, None]


def test_a_sent_message_needs_no_word_that_typing_has_stopped() -> None:
    notices = TypingNotices()
    notices.due("h", 0.0)
    notices.reset()
    assert [notices.due("", 0.1), notices.due("n", 0.2)] == [None, True]


def test_a_token_is_remembered_for_its_server_and_name_only(tmp_path: Path) -> None:
    Tokens(tmp_path / "state").remember("http://a", "Ada", "secret")
    tokens = Tokens(tmp_path / "state")
    assert [tokens.find("http://a", "Ada"), tokens.find("http://b", "Ada"), tokens.find("http://a", "Bob")] == [
        "secret",
        "",
        "",
    ]


def test_only_its_owner_can_read_the_tokens(tmp_path: Path) -> None:
    Tokens(tmp_path).remember("http://a", "Ada", "secret")
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("tokens.json", 0o600)]


@pytest.mark.parametrize("content", ["", "[]", "{broken"])
def test_a_spoilt_file_of_tokens_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    assert Tokens(tmp_path).find("http://a", "Ada") == ""
    Tokens(tmp_path).remember("http://a", "Ada", "secret")
    assert Tokens(tmp_path).find("http://a", "Ada") == "secret"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("name_taken", "choose another --name"),
        ("not_found", "python -m servers raw_websocket --port 9000"),
        ("forbidden", "does not serve raw_websocket"),
        ("unauthenticated", "Start the chat again"),
        ("bad_request", "the detail"),
    ],
)
def test_every_refusal_says_what_to_do(code: str, advice: str) -> None:
    assert advice in explain(Refused(code, "the detail"), "raw_websocket", "http://127.0.0.1:9000", "Ada")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--transport", "raw_websocket", "--server", "http://127.0.0.1:9"],
            "python -m servers raw_websocket --port 9",
        ),
        (["--transport", "telepathy"], "expected one of short_polling"),
        (["--transport", "raw_websocket", "--server", "localhost"], "expected something like http://127.0.0.1:8000"),
    ],
    ids=["no server", "bad slug", "bad address"],
)
def test_a_chat_that_cannot_begin_says_why(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["chat", "--name", "Ada", *arguments])
    assert result.exit_code == 1
    assert told in result.output


class Paper(io.StringIO):
    """A terminal's output, which can be awaited."""

    def __init__(self) -> None:
        super().__init__()
        self._written = asyncio.Event()

    def write(self, text: str) -> int:
        self._written.set()
        return super().write(text)

    async def shows(self, text: str) -> None:
        """Wait until the text has been written, styles aside."""
        async with asyncio.timeout(DEADLINE_S):
            while text not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue()):
                self._written.clear()
                await self._written.wait()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with started(["servers", SOCKET.slug, "--port", "0"]) as running:
        yield running.address


@pytest.fixture
def stage(address: str) -> ChatHarness:
    return ChatHarness(SOCKET, address)


@asynccontextmanager
async def window(stage: ChatHarness) -> AsyncIterator[tuple[PipeInput, Paper, "asyncio.Task[None]"]]:
    """Open Ada's terminal: her keys, what she sees, and the chat."""
    paper = Paper()
    output = Vt100_Output(paper, lambda: Size(rows=30, columns=100), term="xterm")
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        async with await stage.log_in("Ada") as talk:
            chatting = asyncio.create_task(TerminalChat(talk, SOCKET, PromptScreen()).run())
            try:
                yield keys, paper, chatting
            finally:
                chatting.cancel()
                await asyncio.gather(chatting, return_exceptions=True)


@pytest.mark.process
@pytest.mark.anyio
async def test_two_people_chat_and_one_of_them_has_a_terminal(stage: ChatHarness) -> None:
    async with stage.joined("Bob") as (bob,):
        await bob.send("said before")
        async with window(stage) as (keys, paper, chatting):
            await paper.shows("said before")
            keys.send_text("hello\r")
            assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["said before", "hello"]
            await paper.shows("┃ hello")
            ack = await bob.send("hi Ada")
            await paper.shows("│ hi Ada")
            await until(bob, lambda: ack.seq in bob.view.receipts.values())
            keys.send_text("\x04")
            await asyncio.wait_for(chatting, DEADLINE_S)
        assert [event.body for event in await events(bob, 1, Kind.PRESENCE)] == ["offline"]


@pytest.mark.process
@pytest.mark.anyio
async def test_typing_is_told_while_it_lasts(stage: ChatHarness) -> None:
    async with stage.joined("Bob") as (bob,), window(stage) as (keys, _, chatting):
        for typed, told in (("thinking", "started"), ("\x15", "stopped")):
            keys.send_text(typed)
            assert [event.body for event in await events(bob, 1, Kind.TYPING)] == [told]
        keys.send_text("/quit\r")
        await asyncio.wait_for(chatting, DEADLINE_S)


@pytest.mark.process
@pytest.mark.anyio
async def test_the_commands_answer_and_tell_nobody(stage: ChatHarness) -> None:
    async with stage.joined("Bob") as (bob,), window(stage) as (keys, paper, chatting):
        await bob.send("said at first")
        for typed, shown in (
            ("/who", f"{bob.account.name}: online"),
            ("/history 5", "earlier messages"),
            ("/help", "/quit  leave"),
            ("/nonsense", "/nonsense: no such command"),
            ("//slash", "┃ /slash"),
        ):
            keys.send_text(f"{typed}\r")
            await paper.shows(shown)
        assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["said at first", "/slash"]
        keys.send_text("\x03")
        await asyncio.wait_for(chatting, DEADLINE_S)


def script(stage: ChatHarness, tmp_path: Path, says: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m clients chat` with a pipe instead of a terminal."""
    command = [sys.executable, "-m", "clients", "chat", "--transport", SOCKET.slug, "--name", "Cyd"]
    return subprocess.run(
        [*command, "--server", stage.address, "--room", stage.room, *more],
        input=says,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )


@pytest.mark.process
def test_a_script_sends_its_lines_and_leaves_and_may_come_again(stage: ChatHarness, tmp_path: Path) -> None:
    first = script(stage, tmp_path, "one\ntwo\n")
    assert (first.returncode, first.stderr) == (0, "")
    again = script(stage, tmp_path, "")
    assert (again.returncode, again.stderr) == (0, "")
    assert re.findall(r"Cyd ┃ (\w+)", again.stdout) == ["one", "two"]
    stranger = script(stage, tmp_path, "", "--no-remember")
    assert (stranger.returncode, "choose another --name" in stranger.stderr) == (1, True)


@pytest.mark.process
def test_a_script_whose_line_is_refused_fails_and_says_so(stage: ChatHarness, tmp_path: Path) -> None:
    run = script(stage, tmp_path, "x" * 5000 + "\n", "--name", "Dan")
    assert run.returncode == 1
    assert "too_large" in run.stdout
