"""Where the terminal chat is shown: a terminal with a prompt, or a pipe for scripts.

Teaches that to a chat both are the same: something that yields lines and shows lines. Leaves out what they say.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Protocol

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import get_app_session
from prompt_toolkit.formatted_text import FormattedText, fragment_list_to_text
from prompt_toolkit.patch_stdout import patch_stdout

from clients.terminal import STYLE, Fragments

PLAIN = str.maketrans("┃│┊·●○…", "||:.*o.")
REDRAW_S = 0.25
"""How often the prompt and the toolbar are drawn anew; what has not changed is not written again."""

Drawing = Callable[[], Fragments]


class Screen(Protocol):
    """leave_s: for how many seconds at most leaving may wait for what is under way; None for as long as it takes."""

    leave_s: float | None

    @property
    def columns(self) -> int:
        """The width to wrap lines at, 0 to leave them whole."""
        ...

    def lines(self, prompt: Drawing, toolbar: Drawing) -> AsyncGenerator[str, None]:
        """Yield what the user enters. Waits; ends when they leave."""
        ...

    def show(self, line: Fragments) -> None:
        """Put a line below those that were shown before."""
        ...

    def typed(self) -> str:
        """Return what the user has typed and not entered."""
        ...


class PromptScreen:
    """A terminal: what was said scrolls by above a prompt, and a toolbar stands below it."""

    leave_s: float | None = 2.0

    def __init__(self) -> None:
        self._session = PromptSession[str](style=STYLE, erase_when_done=True, refresh_interval=REDRAW_S)

    @property
    def columns(self) -> int:
        return get_app_session().output.get_size().columns

    async def lines(self, prompt: Drawing, toolbar: Drawing) -> AsyncGenerator[str, None]:
        def above() -> FormattedText:
            return FormattedText(prompt())

        def below() -> FormattedText:
            return FormattedText(toolbar())

        with patch_stdout(), suppress(EOFError, KeyboardInterrupt):
            while True:
                yield await self._session.prompt_async(above, bottom_toolbar=below)

    def show(self, line: Fragments) -> None:
        print_formatted_text(FormattedText(line), style=STYLE)

    def typed(self) -> str:
        return self._session.default_buffer.text


class PipeScreen:
    """Standard input and output, without colours: a script is done once all it said has been acknowledged."""

    leave_s: float | None = None
    columns = 0

    async def lines(self, prompt: Drawing, toolbar: Drawing) -> AsyncGenerator[str, None]:
        """Yield the lines of standard input. A thread waits for each, and dies with the process."""
        loop = asyncio.get_running_loop()
        lines = asyncio.Queue[str | None](1)

        def hand_over(line: str | None) -> None:
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()

        def read() -> None:
            with suppress(RuntimeError, CancelledError), open(0, "rb", buffering=0, closefd=False) as source:
                for line in source:
                    hand_over(line.decode(errors="replace").rstrip("\r\n"))
                hand_over(None)

        threading.Thread(target=read, name="standard input", daemon=True).start()
        while (line := await lines.get()) is not None:
            yield line

    def show(self, line: Fragments) -> None:
        """Write a line; of what the encoding lacks, our own marks become ASCII, and all else a question mark."""
        text = fragment_list_to_text(FormattedText(line)) + "\n"
        encoding = sys.stdout.encoding or "utf-8"
        if not encoding.lower().startswith("utf"):
            text = text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
        sys.stdout.write(text)
        sys.stdout.flush()

    def typed(self) -> str:
        return ""
