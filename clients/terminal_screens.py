"""Where the terminal chat is shown: a terminal with a prompt, or a pipe for scripts.

Teaches that a chat needs only three things of a screen: it yields lines, shows lines, and knows the unfinished line.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import CancelledError
from contextlib import suppress

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples, fragment_list_to_text
from prompt_toolkit.patch_stdout import patch_stdout

from clients.terminal import STYLE

REDRAW_S = 0.25  # how often the toolbar is drawn again; prompt_toolkit writes only what has changed
Drawing = Callable[[], StyleAndTextTuples]


class PromptScreen:
    """A terminal: messages scroll above a prompt, and a toolbar stands below it. leave_s: see PipeScreen."""

    leave_s: float | None = 2.0

    def __init__(self) -> None:
        self._session = PromptSession[str](style=STYLE, erase_when_done=True, refresh_interval=REDRAW_S)

    async def lines(self, prompt: str, toolbar: Drawing) -> AsyncGenerator[str, None]:
        """Yield what the user enters; waits, and ends when they leave."""
        with patch_stdout(), suppress(EOFError, KeyboardInterrupt):
            while True:
                line = await self._session.prompt_async([("bold", prompt)], bottom_toolbar=toolbar)
                yield line.encode(errors="surrogateescape").decode(errors="replace")  # bytes that are not UTF-8

    def show(self, line: StyleAndTextTuples) -> None:
        print_formatted_text(FormattedText(line), style=STYLE)

    def typed(self) -> str:
        """Return what the user has typed and not entered."""
        return self._session.default_buffer.text


class PipeScreen:
    """Standard input and output, without colours.

    leave_s: for how many seconds at most leaving waits for messages to be acknowledged; None: until all are.
    """

    leave_s: float | None = None

    async def lines(self, prompt: str, toolbar: Drawing) -> AsyncGenerator[str, None]:
        """Yield the lines of standard input, read by a thread that ends with the process."""
        loop = asyncio.get_running_loop()
        lines = asyncio.Queue[str](1)

        def read() -> None:
            def put(line: str) -> None:
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()

            with suppress(RuntimeError, CancelledError):  # the event loop has ended
                with (
                    suppress(OSError),  # an input that cannot be read has ended
                    open(0, encoding=sys.stdin.encoding, errors="replace", closefd=False) as source,
                ):
                    for line in source:
                        put(line)
                put("")  # the end: a line of the input has at least its "\n"

        threading.Thread(target=read, name="standard input", daemon=True).start()
        while line := await lines.get():
            yield line.rstrip("\n")

    def show(self, line: StyleAndTextTuples) -> None:
        sys.stdout.write(fragment_list_to_text(line) + "\n")
        sys.stdout.flush()

    def typed(self) -> str:
        return ""


Screen = PromptScreen | PipeScreen
