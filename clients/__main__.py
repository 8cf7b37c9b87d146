"""Chat in the terminal: `python -m clients chat --transport raw_websocket --name Ada`.

A log-in's token is remembered per server and name, so that a second window is the same user's.
"""

import asyncio
import io
import json
import os
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from stamina.instrumentation import set_on_retry_hooks

from clients.chat_client import Options
from clients.conversation import log_in
from clients.crowd import NAMES, gather
from clients.errors import ClientError, ConnectionLost, Refused
from clients.terminal_chat import TerminalChat
from clients.terminal_screens import PipeScreen, PromptScreen
from servers import transports

SLUGS = ", ".join(row.slug for row in transports.TRANSPORTS)
app = typer.Typer(no_args_is_help=True, add_completion=False)


class Tokens:
    """The tokens of earlier log-ins, in one file that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tokens.json"

    def find(self, server: str, name: str) -> str:
        """Return the token that was remembered last, or nothing."""
        return self._all().get(f"{name} {server}", "")

    def remember(self, server: str, name: str, token: str) -> None:
        """Keep a token; a window that reads meanwhile finds the old file or the new one. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as fresh:  # its mode is 0600
            json.dump(self._all() | {f"{name} {server}": token}, fresh)
        Path(fresh.name).replace(self._path)

    def _all(self) -> dict[str, str]:
        try:
            tokens = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return tokens if isinstance(tokens, dict) else {}


def state_folder() -> Path:
    """Return where programs keep such things (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "push-or-poll"


@app.callback()
def clients() -> None:
    """One chat client for each transport."""


@app.command()
def chat(
    transport: Annotated[str, typer.Option(help=f"One of {SLUGS}.")],
    name: Annotated[str, typer.Option(help="The name that the others see.")],
    room: Annotated[str, typer.Option(help="Letters, digits, - and _.")] = "lobby",
    server: Annotated[str, typer.Option(help="Where the chat server is.")] = "http://127.0.0.1:8000",
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two questions of short polling.")] = 2.0,
    remember: Annotated[bool, typer.Option(help="Reuse and keep the token, for a second window.")] = True,
) -> None:
    """Chat in a room; with a pipe instead of a terminal, send its lines and leave."""
    set_on_retry_hooks([])  # the toolbar tells that the line is down; a log line would only tear the screen
    try:
        failures = asyncio.run(converse(transport, server, room, name.strip(), remember, Options(poll_s=poll)))
    except (ClientError, ValueError) as error:
        typer.secho(explain(error, transport, server, name), fg="red", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(1 if failures else 0)


@app.command()
def crowd(
    transport: Annotated[str, typer.Option(help=f"One of {SLUGS}.")],
    people: Annotated[int, typer.Option(min=1, max=len(NAMES), help="How many join.")] = 5,
    room: Annotated[str, typer.Option(help="Letters, digits, - and _.")] = "lobby",
    server: Annotated[str, typer.Option(help="Where the chat server is.")] = "http://127.0.0.1:8000",
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two messages of one of them.")] = 8.0,
    attached: Annotated[bool, typer.Option(help="Leave when standard input closes (for a parent process).")] = False,
) -> None:
    """Have scripted users join a room and talk, until interrupted."""
    set_on_retry_hooks([])
    try:
        row = transports.find(transport)
        asyncio.run(stay(gather(row.slug, server, room, people, every), attached))
    except* (ClientError, ValueError) as errors:
        typer.secho(explain(errors.exceptions[0], transport, server, "there already"), fg="red", err=True)
        raise typer.Exit(1) from errors


async def stay(attending: Coroutine[Any, Any, None], attached: bool) -> None:
    """Attend until interrupted, or until standard input closes if `attached`; everybody says goodbye."""
    leaving = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read) if attached else asyncio.Event().wait())
    task = asyncio.create_task(attending)
    await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def converse(transport: str, server: str, room: str, name: str, remember: bool, options: Options) -> int:
    """Log in, chat until the user leaves, and return how many lines failed. Raises ClientError, ValueError."""
    row = transports.find(transport)
    if urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).hostname:
        raise ValueError(f"--server: expected something like http://127.0.0.1:8000, got {server!r}")
    tokens = Tokens(state_folder())
    token = tokens.find(server, name) if remember else ""
    conversation = await log_in(row.slug, server, room, name, token, options)
    if remember:
        with suppress(OSError):  # then a second window cannot be opened, but this one can
            tokens.remember(server, name, conversation.account.token)
    async with conversation:
        window = TerminalChat(conversation, row, PromptScreen() if on_terminal() else PipeScreen())
        await window.run()
    return window.failures


def on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def explain(error: Exception, transport: str, server: str, name: str) -> str:
    """Return what went wrong and what to do about it."""
    port = urlsplit(server).port
    start = f"Start one: .venv/bin/python -m servers {transport}{'' if port in (None, 8000) else f' --port {port}'}"
    match error:
        case ConnectionLost():
            return f"No chat server answers at {server} ({error}).\n{start}"
        case Refused(code="name_taken"):
            return f"Somebody else is {name}: choose another --name.\nA second window needs the token of the first."
        case Refused(code="wrong_transport" | "not_found" | "forbidden"):
            return f"The server at {server} does not serve {transport} ({error.detail}).\n{start}"
        case Refused(code="unauthenticated"):
            return "The server does not know this log-in any more.\nStart the chat again to log in anew."
        case Refused():
            return f"The server refused: {error.detail}"
    return str(error)


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what others write need not be in this terminal's encoding
    app()
