"""The terminal chat: when it notifies the others, which errors it explains, and sessions on a terminal and a pipe."""

import asyncio
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from typer.testing import CliRunner

from clients.__main__ import app, checked_room, checked_server, explain, store_token, stored_token, token_file
from clients.errors import ClientError, ConnectionLost, Refused
from clients.terminal_chat import RENEW_S, TerminalChat, TypingNotices
from clients.terminal_screens import PromptScreen
from servers import transports
from servers.core.errors import BadRequest
from servers.core.validation import check_room
from servers.core.wire import Kind
from servers.deploy.child_process import started
from tests.support.chat_harness import ChatHarness, events, online, until
from tests.support.deadline import DEADLINE_S

SOCKET = transports.find("raw_websocket")
CHAT = "chat --name Ada --transport raw_websocket"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep tokens in a folder of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("typed", "due"),
    [
        ([("h", 0.0), ("he", 0.3), ("hel", RENEW_S)], [True, None, True]),
        ([("h", 0.0), ("h", 2 * RENEW_S)], [True, None]),
        ([("h", 0.0), ("", 0.0), ("", 0.0)], [True, False, None]),
    ],
    ids=["while typing", "not in a pause", "once for an emptied line"],
)
def test_a_typing_notice_is_sent_at_once_and_rarely(typed: list[tuple[str, float]], due: list[bool | None]) -> None:
    notices = TypingNotices()
    assert [notices.due(text, at_s) for text, at_s in typed] == due


def test_a_sent_message_ends_the_typing_notice_without_another() -> None:
    notices = TypingNotices()
    notices.due("h", 0.0)
    notices.reset()
    assert [notices.due("", 0.1), notices.due("n", 0.2)] == [None, True]


def test_a_token_is_stored_for_its_owner_server_and_name_only() -> None:
    store_token("http://a", "Ada", "a longer secret")
    store_token("http://a", "Ada", "secret")
    assert stored_token("http://a", "Ada") == "secret"
    assert stored_token("http://b", "Ada") == stored_token("http://a", "Bob") == ""
    assert token_file("http://a", "Ada").stat().st_mode & 0o777 == 0o600


def test_without_a_home_folder_no_token_is_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it does for a user without one
    monkeypatch.chdir(tmp_path)
    assert stored_token("http://a", "Ada") == ""
    with pytest.raises(OSError, match="no home"):
        store_token("http://a", "Ada", "secret")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "name", "advice"),
    [
        (Refused("not_found", "the detail"), "Ada", "python -m servers raw_websocket --port 9000"),
        (Refused("forbidden", "the detail"), "Ada", "does not serve raw_websocket"),
        (Refused("unauthenticated", "the detail"), "Ada", "Start the chat again"),
        (Refused("bad_request", "the detail"), "Ada", "The server refused: the detail"),
        (Refused("push_service", "the detail"), "Ada", "Check the PUSHER_ variables"),
        (Refused("name_taken", "the detail"), "Ada", "choose another --name"),
        (Refused("name_taken", "the detail"), "", "end the other crowd"),
        (ConnectionLost("CERTIFICATE_VERIFY_FAILED"), "Ada", "Set SSL_CERT_FILE"),
    ],
)
def test_an_error_is_explained_with_what_to_do(error: ClientError, name: str, advice: str) -> None:
    assert advice in explain(error, "raw_websocket", "http://127.0.0.1:9000", name)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("chat --name Ada --transport telepathy", "expected one of short_polling"),
        (f"{CHAT} --server 'http://127.0.0.1:+9/ '", "python -m servers raw_websocket --port 9"),
        *((f"{CHAT} --room {room}", "expected 1 to 64 letters, digits, - or _") for room in ("''", "a/b", "x" * 65)),
        *(
            (f"{CHAT} --server {address}", "expected something like http://127.0.0.1:8000")
            for address in ("localhost", "http://::1:8000", "http://localhost:x", "http://caf\udce9")
        ),
        ("crowd --transport raw_websocket --every inf", "than or equal to 3600"),
    ],
)
def test_a_chat_or_a_crowd_that_cannot_begin_states_why(command: str, advice: str) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, command)
    assert result.exit_code in (1, 2)
    assert advice in result.output


@pytest.mark.parametrize("address", ["http://Host:8000/", "http://host:+8000 ", "http://host:8000"])
def test_one_server_has_one_address_and_so_one_file_of_tokens(address: str) -> None:
    assert checked_server(address) == "http://host:8000"


@pytest.mark.parametrize("room", ["", "a", "A-b_9", "x" * 64, "x" * 65, "team/ops", "caf\u00e9", "\u0663", "a\n", " a"])
def test_a_room_is_accepted_if_a_server_accepts_it(room: str) -> None:
    def is_accepted(check: Callable[[str], object]) -> bool:
        try:
            check(room)
        except (typer.BadParameter, BadRequest):
            return False
        return True

    assert is_accepted(checked_room) == is_accepted(check_room)


async def shows(terminal: io.StringIO, text: str) -> None:
    """Wait until the text has been written to a terminal, styles aside."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if text in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()):
                return
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with started(["servers", SOCKET.slug, "--port", "0"]) as running:
        yield running.address


@pytest.fixture
def harness(address: str) -> ChatHarness:
    return ChatHarness(SOCKET, address)


@asynccontextmanager
async def window(harness: ChatHarness) -> AsyncIterator[tuple[PipeInput, io.StringIO, "asyncio.Task[None]"]]:
    """Open Ada's terminal: her keys, what she sees, and the chat."""
    terminal = io.StringIO()
    output = Vt100_Output(terminal, lambda: Size(rows=30, columns=100), term="xterm")
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        async with await harness.log_in("Ada") as session:
            chatting = asyncio.create_task(TerminalChat(session, SOCKET, PromptScreen()).run())
            try:
                yield keys, terminal, chatting
            finally:
                chatting.cancel()
                await asyncio.gather(chatting, return_exceptions=True)


@pytest.mark.process
async def test_two_people_chat_and_see_each_other_type_and_one_of_them_has_a_terminal(harness: ChatHarness) -> None:
    async with harness.joined("Bob") as (bob,):
        await bob.send("written before")
        async with window(harness) as (keys, terminal, chatting):
            await shows(terminal, "written before")
            for typed, body in (("thinking", "started"), ("\x15", "stopped")):
                keys.send_text(typed)
                assert [event.body for event in await events(bob, 1, Kind.TYPING)] == [body]
            keys.send_text("hello\r")
            keys.send_bytes(b"caf\xe9\r")  # not UTF-8
            assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["hello", "caf\ufffd"]
            await shows(terminal, "┃ hello")
            ack = await bob.send("hi Ada")
            await shows(terminal, "│ hi Ada")
            await until(bob, lambda: ack.seq in bob.view.receipts.values())
            keys.send_text("\x04")
            await asyncio.wait_for(chatting, DEADLINE_S)
        assert [event.body for event in await events(bob, 1, Kind.PRESENCE)] == ["offline"]


@pytest.mark.process
async def test_commands_are_not_sent_to_anybody(harness: ChatHarness) -> None:
    async with harness.joined("Bob") as (bob,), window(harness) as (keys, terminal, chatting):
        await bob.send("written at first")
        for typed, shown in (
            ("/who", f"\u25cf {bob.account.name}"),
            ("/help", "/quit  leave"),
            ("/nonsense", "/nonsense: no such command"),
            (" /spaced", "/spaced: no such command"),
            ("//slash", "┃ /slash"),
        ):
            keys.send_text(f"{typed}\r")
            await shows(terminal, shown)
        assert [event.body for event in await events(bob, 2, Kind.MESSAGE)] == ["written at first", "/slash"]
        keys.send_text("/quit\r")
        await asyncio.wait_for(chatting, DEADLINE_S)


def chat_command(harness: ChatHarness, *more: str) -> list[str]:
    place = ["--transport", SOCKET.slug, "--server", harness.address, "--room", harness.room]
    return [sys.executable, "-m", "clients", "chat", *place, *more]


def script(harness: ChatHarness, text: str, *more: str, encoding: str = "utf-8", status: int = 0) -> str:
    """Run `python -m clients chat` with a pipe instead of a terminal; return what it printed."""
    done = subprocess.run(
        chat_command(harness, "--name", "Cyd", *more),
        input=text,
        capture_output=True,
        encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=2 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert status or not done.stderr
    return done.stdout + done.stderr


@pytest.mark.process
def test_a_script_in_latin_1_sends_every_line_fails_if_one_was_refused_and_frees_its_name(harness: ChatHarness) -> None:
    assert "too_large" in script(harness, "Grüße\n" + "x" * 5000 + "\ntwo\n", encoding="latin-1", status=1)
    assert re.findall(r"Cyd ┃ (\w+)", script(harness, "")) == ["Grüße", "two"]
    assert "Cyd ? Grüße\n" in script(harness, "", "--no-remember", encoding="latin-1")


@pytest.mark.process
def test_a_chat_whose_output_nobody_reads_any_more_ends_without_a_word(harness: ChatHarness) -> None:
    command = chat_command(harness, "--name", "Gil", "--no-remember")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        _, complaint = process.communicate(b"one\ntwo\n", timeout=2 * DEADLINE_S)
    assert (process.returncode, complaint) == (1, b"")


@pytest.mark.process
@pytest.mark.parametrize(
    ("redirected", "complaint"),
    [("0<&-", "got a closed one"), ("1>&-", "got a closed one"), ("0>/dev/null", ""), ("1>/dev/full", "No space")],
    ids=["no input", "no output", "unreadable input", "full disk"],
)
def test_a_chat_whose_input_or_output_fails_ends_and_states_why(
    harness: ChatHarness, redirected: str, complaint: str
) -> None:
    command = f"{shlex.join(chat_command(harness, '--name', 'Hal', '--no-remember'))} {redirected}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert bool(done.returncode) == bool(complaint)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
async def test_an_interrupted_chat_and_an_interrupted_crowd_leave(harness: ChatHarness) -> None:
    """Each is interrupted once all of its people are in the room and have been sent a message."""
    place = ["--transport", SOCKET.slug, "--server", harness.address, "--room", harness.room]
    async with harness.joined("Ada") as (ada,):

        async def until_online(number: int) -> None:
            await until(ada, lambda: len(online(ada)) == number)

        for number, command in ((2, ["chat", "--name", "Flo", "--no-remember"]), (3, ["crowd", "--people", "2"])):
            arguments = [sys.executable, "-m", "clients", *command, *place]
            process = await asyncio.create_subprocess_exec(*arguments, stdin=asyncio.subprocess.PIPE)
            await until_online(number)
            await ada.send("settled")
            await events(ada, 1, Kind.MESSAGE)
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 2 * DEADLINE_S)
            await until_online(1)
