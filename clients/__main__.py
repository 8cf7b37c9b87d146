"""Chat in the terminal: `python -m clients chat --transport raw_websocket --name Ada`.

The token of a log-in is stored for each server and name, so that a second window belongs to the same user.
"""

import asyncio
import io
import os
import re
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer
from stamina.instrumentation import set_on_retry_hooks

from clients.conversation import log_in
from clients.crowd import NAMES, run_crowd
from clients.errors import ClientError, ConnectionLost, Refused
from clients.http_session import Options
from clients.terminal_chat import TerminalChat
from clients.terminal_screens import PipeScreen, PromptScreen
from servers import transports

app = typer.Typer(no_args_is_help=True, add_completion=False)
TransportOption = Annotated[str, typer.Option(help=f"One of {', '.join(row.slug for row in transports.TRANSPORTS)}.")]
SERVER = "http://127.0.0.1:8000"
STDIN = 0
READ_BYTES = 4096


def checked_server(address: str) -> str:
    """Return an address that a chat server can have, in its normal form; raises typer.BadParameter for any other."""
    try:
        normal = str(httpx.URL(address)).rstrip("/")
        url = urlsplit(normal)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return normal
    except (ValueError, httpx.InvalidURL):  # the port is not a number, or the host is not valid
        pass
    raise typer.BadParameter(f"expected something like {SERVER} or http://[::1]:8000, got {address!r}")


def checked_room(room: str) -> str:
    """Return a room that a chat server accepts; raises typer.BadParameter for any other."""
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", room):
        raise typer.BadParameter(f"expected 1 to 64 letters, digits, - or _, got {room!r}")
    return room


RoomOption = Annotated[str, typer.Option(help="Letters, digits, - and _.", callback=checked_room)]
ServerOption = Annotated[str, typer.Option(help="Where the chat server is.", callback=checked_server)]


@app.callback()
def clients() -> None:
    """One chat client for each transport."""
    set_on_retry_hooks([])  # the toolbar shows that the connection is lost; log lines would disturb the screen


@app.command()
def chat(
    transport: TransportOption,
    name: Annotated[str, typer.Option(help="The name that the others see.")],
    room: RoomOption = "lobby",
    server: ServerOption = SERVER,
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two requests of short polling.")] = 2.0,
    remember: Annotated[bool, typer.Option(help="Reuse and keep the token, for a second window.")] = True,
) -> None:
    """Chat in a room; with a pipe instead of a terminal, send its lines and leave."""
    with errors_explained(transport, server, name):
        failures = asyncio.run(talk(transport, server, room, name.strip(), remember, Options(poll_s=poll)))
    raise typer.Exit(1 if failures else 0)


@app.command()
def crowd(
    transport: TransportOption,
    people: Annotated[int, typer.Option(min=1, max=len(NAMES), help="How many join.")] = 5,
    room: RoomOption = "lobby",
    server: ServerOption = SERVER,
    every: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two messages of one of them.")] = 8.0,
    attached: Annotated[bool, typer.Option(help="Leave when standard input closes (for a parent process).")] = False,
) -> None:
    """Have scripted users join a room and talk, until interrupted."""
    with errors_explained(transport, server):
        asyncio.run(run_until_ended(run_crowd(transports.find(transport).slug, server, room, people, every), attached))


async def run_until_ended(work: Coroutine[Any, Any, None], attached: bool) -> None:
    """Run a coroutine until it is interrupted or, if `attached`, until standard input closes; then cancel it."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)

    def on_input() -> None:
        if not os.read(STDIN, READ_BYTES):
            loop.remove_reader(STDIN)
            task.cancel()

    if attached:
        loop.add_reader(STDIN, on_input)
    with suppress(asyncio.CancelledError):
        await task


async def talk(transport: str, server: str, room: str, name: str, remember: bool, options: Options) -> int:
    """Log in, chat until the user leaves, and return how many lines failed. Raises ClientError, ValueError."""
    row = transports.find(transport)
    if sys.stdin is None or sys.stdout is None:
        raise ValueError("expected a standard input and a standard output, got a closed one")
    token = stored_token(server, name) if remember else ""
    session = await log_in(row.slug, server, room, name, token, options)
    if remember:
        with suppress(OSError):  # then a second window cannot be opened, but this one can
            store_token(server, name, session.account.token)
    async with session:
        is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        window = TerminalChat(session, row, PromptScreen() if is_terminal else PipeScreen())
        await window.run()
    return window.failures


def token_file(server: str, name: str) -> Path:
    """Return the file that holds the token of one user of one server. Raises OSError for a user without a home."""
    folder = Path(typer.get_app_dir("push-or-poll"))
    if not folder.is_absolute():  # "~" could not be expanded
        raise FileNotFoundError(f"{folder}: this user has no home")
    return folder / f"token-{sha256(f'{server} {name}'.encode()).hexdigest()}"


def stored_token(server: str, name: str) -> str:
    """Return the token that was stored last; an empty string without one."""
    try:
        return token_file(server, name).read_text()
    except (OSError, ValueError):
        return ""


def store_token(server: str, name: str, token: str) -> None:
    """Store a token where only its owner can read it. Raises OSError."""
    file = token_file(server, name)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(token)


@contextmanager
def errors_explained(transport: str, server: str, name: str = "") -> Iterator[None]:
    """Print the first error of the block, also from within exception groups, and raise typer.Exit.

    If whoever reads our output ends, as `head` does, the BrokenPipeError itself is raised: then typer exits quietly.
    """
    first: BaseException | None = None
    try:
        yield
    except* (ClientError, ValueError, OSError) as errors:
        first = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
    if isinstance(first, BrokenPipeError):
        raise first
    if first:
        typer.secho(explain(first, transport, server, name), fg="red", err=True)
        raise typer.Exit(1)


def explain(error: BaseException, transport: str, server: str, name: str) -> str:
    """Return what went wrong and what to do about it. name: the user's; empty for a crowd."""
    port = urlsplit(server).port
    port_option = f" --port {port}" if port not in (None, 8000) else ""
    start = f"Start one: .venv/bin/python -m servers {transport}{port_option}"
    match error:
        case ConnectionLost() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                f"The certificate of {server} is not trusted ({error}).\n"
                "Set SSL_CERT_FILE to the file of its authority: a server here prints it when it starts."
            )
        case ConnectionLost():
            return f"No chat server responds at {server} ({error}).\n{start}"
        case Refused(code="name_taken") if not name:
            return f"A name of the crowd is in use at {server}: end the other crowd, or wait until that user leaves."
        case Refused(code="name_taken"):
            return f"Somebody else is {name}: choose another --name.\nA second window needs the token of the first."
        case Refused(code="wrong_transport" | "not_found" | "forbidden"):
            return f"The server at {server} does not serve {transport} ({error.detail}).\n{start}"
        case Refused(code="push_service"):
            return f"{error.detail}.\nCheck the PUSHER_ variables of the chat server at {server}."
        case Refused(code="unauthenticated"):
            return "The server does not know this log-in any more.\nStart the chat again, which logs in again."
        case Refused():
            return f"The server refused: {error.detail}"
    return str(error)


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a message may hold characters that this terminal cannot show
    app()
