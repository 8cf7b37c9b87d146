"""The terminal chat: one conversation, and a screen to have it on.

Teaches what a window owes the others: that its user types, for as long as it is true, and how far they have read.
A message of my own stands above the prompt until it comes back in the log, so that all windows show the same order.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from functools import partial

from clients.conversation import ChatSession
from clients.errors import ClientError
from clients.terminal import Fragments, Look, Standing
from clients.terminal_screens import Screen
from clients.typing_notices import RENEW_S, TypingNotices
from clients.written import new_id, took_ms
from servers.core.wire import Event, Kind
from servers.transports import Transport

TYPING_LOOK_S = 0.25
READ_LOOK_S = 1.0
OUTBOX_MAX = 100
"""Lines that may wait to be sent; after that many, the next has to be sent before another is taken."""

HISTORY, HISTORY_MAX = 20, 100
HELP = (
    "/who  who is here, and who was",
    f"/history {HISTORY}  as many earlier messages",
    "/quit  leave, as does Ctrl-D",
    "//  send a line that starts with a slash",
)


class TerminalChat:
    """One user's window on a room. failures: how many lines could not be sent or carried out."""

    def __init__(self, conversation: ChatSession, transport: Transport, screen: Screen) -> None:
        self.failures = 0
        self._talk = conversation
        self._transport = transport
        self._screen = screen
        self._typing = TypingNotices()
        self._outbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(OUTBOX_MAX)
        self._unconfirmed: dict[str, tuple[str, int]] = {}  # client_id -> text; when it was committed, 0 if not yet
        self._took_ms: float | None = None
        self._day = self._look.day(now_ms())
        self._enter_log()

    async def run(self) -> None:
        """Chat until the user leaves; raises Refused if the server will not have them any more."""
        self._greet()
        works = (self._read_lines(), self._listen(), self._work(), self._tell_typing(), self._tell_reading())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _look(self) -> Look:
        return Look(self._talk.account, self._screen.columns)

    @property
    def _standing(self) -> Standing:
        talk = self._talk
        return Standing(self._transport, talk.account, talk.view, talk.connected, self._sent_seq, self._took_ms)

    def _enter_log(self) -> None:
        """Forget every place in the log: a new one counts anew."""
        snapshot = self._talk.snapshot
        self._epoch = snapshot.epoch
        self._oldest_seq = snapshot.messages[0].seq if snapshot.messages else snapshot.head + 1
        self._sent_seq = self._heard_seq = self._read_seq = 0

    def _greet(self) -> None:
        self._say(f"You are {self._talk.account.name}, in {self._talk.room}; see /help")
        for message in self._talk.snapshot.messages:
            self._show(message)

    async def _listen(self) -> None:
        async for event in self._talk.events():
            if self._epoch != self._talk.snapshot.epoch:
                self._enter_log()
                self._say("The server has lost its log, and begun a new one.")
            if event.kind is Kind.MESSAGE:
                self._took_ms = took_ms(event.client_id, time.time_ns() / 1e6)
                self._show(event)
            elif event.kind is Kind.PRESENCE and event.sender != self._talk.account.user:
                self._screen.show(self._look.notice(f"{event.name} is {event.body}", event.at_ms))

    def _show(self, message: Event) -> None:
        """Show a message, below the date if it is another than that of the message above."""
        if message.sender == self._talk.account.user:
            self._unconfirmed.pop(message.client_id, None)
            self._sent_seq = max(self._sent_seq, message.seq)
        else:
            self._heard_seq = max(self._heard_seq, message.seq)
        day, self._day = self._day, self._look.day(message.at_ms)
        if day != self._day:
            self._say(self._day)
        self._screen.show(self._look.message(message))

    def _say(self, text: str) -> None:
        self._screen.show(self._look.notice(text))

    def _fail(self, text: str) -> None:
        self.failures += 1
        self._screen.show(self._look.notice(text, style="class:error"))

    def _above_line(self) -> Fragments:
        """Return the prompt, below the messages that have not come back."""
        waiting = [self._look.pending(text, at_ms) for text, at_ms in self._unconfirmed.values()]
        lines = [fragment for line in waiting for fragment in (*line, ("", "\n"))]
        return [*lines, ("bold", f"{self._talk.room} > ")]

    def _toolbar(self) -> Fragments:
        return self._standing.toolbar(now_ms(), self._screen.columns)

    async def _read_lines(self) -> None:
        """Do what each line asks until the user leaves, then wait a little for what is under way."""
        async with aclosing(self._screen.lines(self._above_line, self._toolbar)) as lines:
            async for line in lines:
                if line.strip() == "/quit":
                    break
                await self._obey(line)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._screen.leave_s):
                await self._outbox.join()
        for text, at_ms in self._unconfirmed.values():
            if at_ms:
                self._screen.show(self._look.pending(text, at_ms))
            else:
                self._fail(f"not acknowledged: {text}")

    async def _obey(self, line: str) -> None:
        match line.split():
            case ["/who"]:
                for about in self._standing.who(now_ms()):
                    self._say(about)
            case ["/history", *counts]:
                await self._outbox.put(partial(self._show_history, counts))
            case ["/help"]:
                for about in HELP:
                    self._say(about)
            case [word, *_] if is_command(line):
                self._fail(f"{word}: no such command; see /help")
            case [_, *_]:
                await self._send(line[1:] if line.startswith("//") else line)

    async def _send(self, text: str) -> None:
        client_id = new_id()
        self._typing.reset()
        self._unconfirmed[client_id] = (text, 0)

        async def until_committed() -> None:
            try:
                ack = await self._talk.send(text, client_id)
            except ClientError as error:
                if self._unconfirmed.pop(client_id, None):
                    self._fail(f"not sent: {text[:60]}\n{error}")
                return  # if it was not there, it has come back in the log without its acknowledgement
            if client_id in self._unconfirmed:
                self._unconfirmed[client_id] = (text, ack.at_ms)

        await self._outbox.put(until_committed)

    async def _show_history(self, counts: list[str]) -> None:
        count = int(counts[0]) if counts and counts[0].isdecimal() else HISTORY
        try:
            earlier = await self._talk.history(self._oldest_seq, max(1, min(count, HISTORY_MAX)))
        except ClientError as error:
            self._fail(f"no history: {error}")
            return
        self._say(f"{len(earlier) or 'no'} earlier message{'' if len(earlier) == 1 else 's'}")
        for message in earlier:
            self._show(message)
        if earlier:
            self._oldest_seq = earlier[0].seq
            self._say("end of the earlier messages")

    async def _work(self) -> None:
        """Carry out what waits, one after the other, so that my messages keep their order."""
        while True:
            work = await self._outbox.get()
            await work()
            self._outbox.task_done()

    async def _tell_typing(self) -> None:
        """Tell the others when I type; a notice that does not get through in time is dropped, as it is true no more."""
        while True:
            await asyncio.sleep(TYPING_LOOK_S)
            typed = self._screen.typed()
            active = self._typing.due("" if is_command(typed) else typed, time.monotonic())
            if active is not None and self._talk.connected:
                with suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(RENEW_S):
                        await self._talk.typing(active)

    async def _tell_reading(self) -> None:
        """Tell the others how far I have read, if that is further than before."""
        while True:
            await asyncio.sleep(READ_LOOK_S)
            if (up_to := self._heard_seq) > self._read_seq:
                with suppress(ClientError):
                    await self._talk.mark_read(up_to)
                    self._read_seq = up_to


def is_command(line: str) -> bool:
    return line.startswith("/") and not line.startswith("//")


def now_ms() -> int:
    """Return the wall clock in ms since 1970, as servers stamp events."""
    return time.time_ns() // 1_000_000
