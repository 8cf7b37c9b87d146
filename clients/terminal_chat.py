"""The terminal chat: one session, shown on one screen.

Teaches what a chat window sends besides messages: that its user types, as long as it is true, and how far they have
read. My own message is shown above the prompt until it returns in the log, so that all windows show the same order.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from functools import partial

from prompt_toolkit.formatted_text import StyleAndTextTuples

from clients.client_ids import latency_ms, new_client_id
from clients.conversation import ChatSession
from clients.errors import ClientError
from clients.terminal import RoomStatus, day, message_line, notice_line, pending_line
from clients.terminal_screens import Screen
from clients.typing_notices import RENEW_S, TypingNotices
from servers.core.wire import Event, Kind
from servers.transports import Transport

TYPING_CHECK_S = 0.25
READ_CHECK_S = 1.0
OUTBOX_MAX = 100
"""Lines that may wait to be sent; after that many, the next line is read only when one has been sent."""

HISTORY, HISTORY_MAX = 20, 100
HELP = (
    "/who  who is here, and who was",
    f"/history {HISTORY}  as many earlier messages",
    "/quit  leave, as does Ctrl-D",
    "//  send a line that starts with a slash",
)


class TerminalChat:
    """One user's window on a room. failures: how many lines could not be sent or executed."""

    def __init__(self, session: ChatSession, transport: Transport, screen: Screen) -> None:
        self.failures = 0
        self._session = session
        self._transport = transport
        self._screen = screen
        self._notices = TypingNotices()
        self._outbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(OUTBOX_MAX)
        self._pending: dict[str, tuple[str, int]] = {}  # client_id -> text; when it was committed, 0 if not yet
        self._latency_ms: float | None = None
        self._day = day(now_ms())
        self._start_log()

    async def run(self) -> None:
        """Chat until the user leaves; an exception group holds Refused if the server does not accept them any more."""
        self._note(f"You are {self._session.account.name}, in {self._session.room}; see /help")
        for message in self._session.snapshot.messages:
            self._show(message)
        async with asyncio.TaskGroup() as group:
            background = (self._receive(), self._empty_outbox(), self._notify_typing(), self._notify_read())
            tasks = [group.create_task(work) for work in background]
            await self._read_lines()
            for task in tasks:
                task.cancel()

    def _start_log(self) -> None:
        """Start at the session's snapshot: in a new log all positions are new."""
        self._snapshot = self._session.snapshot
        messages = self._snapshot.messages
        self._oldest_seq = messages[0].seq if messages else self._snapshot.head + 1
        self._sent_seq = self._received_seq = self._read_seq = 0

    async def _receive(self) -> None:
        async for event in self._session.events():
            if self._snapshot is not self._session.snapshot:
                self._start_log()
                self._note("The server has lost its log, and begun a new one.")
            if event.kind is Kind.MESSAGE:
                self._latency_ms = latency_ms(event.client_id, time.time_ns() / 1e6)
                self._show(event)
            elif event.kind is Kind.PRESENCE and event.sender != self._session.account.user:
                self._note(f"{event.name} is {event.body}", event.at_ms)

    def _show(self, message: Event) -> None:
        """Show a message, below its date if that is not the date of the message above."""
        is_own = message.sender == self._session.account.user
        if is_own:
            self._pending.pop(message.client_id, None)
            self._sent_seq = max(self._sent_seq, message.seq)
        else:
            self._received_seq = max(self._received_seq, message.seq)
        previous, self._day = self._day, day(message.at_ms)
        if self._day != previous:
            self._note(self._day)
        self._screen.show(message_line(message, is_own, self._screen.columns))

    def _note(self, text: str, at_ms: int = 0) -> None:
        self._screen.show(notice_line(text, self._screen.columns, at_ms))

    def _fail(self, text: str) -> None:
        self.failures += 1
        self._screen.show(notice_line(text, self._screen.columns, style="class:error"))

    def _pending_line(self, text: str, at_ms: int) -> StyleAndTextTuples:
        return pending_line(self._session.account.name, text, at_ms, self._screen.columns)

    def _prompt(self) -> StyleAndTextTuples:
        """Return the prompt, below the messages that have not returned in the log."""
        lines = (self._pending_line(*pending) for pending in self._pending.values())
        return [*(fragment for line in lines for fragment in (*line, ("", "\n"))), ("bold", f"{self._session.room} > ")]

    def _status(self) -> RoomStatus:
        session = self._session
        account, view, connected = session.account, session.view, session.connected
        return RoomStatus(self._transport, account, view, connected, self._sent_seq, self._latency_ms)

    async def _read_lines(self) -> None:
        """Execute each line until the user leaves, then wait a little for what has not been sent."""
        async with aclosing(self._screen.lines(self._prompt, lambda: self._status().toolbar(now_ms()))) as lines:
            async for line in lines:
                if line.strip() == "/quit":
                    break
                await self._execute(line)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._screen.leave_s):
                await self._outbox.join()
        for text, at_ms in self._pending.values():
            if at_ms:
                self._screen.show(self._pending_line(text, at_ms))
            else:
                self._fail(f"not acknowledged: {text}")

    async def _execute(self, line: str) -> None:
        match line.split():
            case ["/who"]:
                for _, person in self._status().people(now_ms()):
                    self._note(person)
            case ["/help"]:
                self._note("\n".join(HELP))
            case ["/history", *counts]:
                await self._outbox.put(partial(self._show_history, counts))
            case [word, *_] if is_command(line):
                self._fail(f"{word}: no such command; see /help")
            case [_, *_]:
                text, client_id = line.removeprefix("/") if line.startswith("//") else line, new_client_id()
                self._notices.reset()
                self._pending[client_id] = (text, 0)
                await self._outbox.put(partial(self._send, client_id, text))

    async def _send(self, client_id: str, text: str) -> None:
        try:
            ack = await self._session.send(text, client_id)
        except ClientError as error:
            if self._pending.pop(client_id, None):  # if not, it returned in the log, and only the response was lost
                self._fail(f"not sent: {text[:60]}\n{error}")
        else:
            if client_id in self._pending:
                self._pending[client_id] = (text, ack.at_ms)

    async def _show_history(self, counts: list[str]) -> None:
        count = int(counts[0]) if counts and counts[0].isdecimal() else HISTORY
        try:
            earlier = await self._session.history(self._oldest_seq, max(1, min(count, HISTORY_MAX)))
        except ClientError as error:
            self._fail(f"/history: {error}")
            return
        self._note(f"earlier messages: {len(earlier)}")
        for message in earlier:
            self._show(message)
        if earlier:
            self._oldest_seq = earlier[0].seq
            self._note("end of the earlier messages")

    async def _empty_outbox(self) -> None:
        """Run what waits, one after the other, so that my messages keep their order."""
        while True:
            work = await self._outbox.get()
            await work()
            self._outbox.task_done()

    async def _notify_typing(self) -> None:
        """Notify the others when I type; a notice that is late is dropped, since it may no longer be true."""
        while True:
            await asyncio.sleep(TYPING_CHECK_S)
            typed = self._screen.typed()
            active = self._notices.due("" if is_command(typed) else typed, time.monotonic())
            if active is not None and self._session.connected:
                with suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(RENEW_S):
                        await self._session.typing(active)

    async def _notify_read(self) -> None:
        """Notify the others how far I have read, if that is further than before."""
        while True:
            await asyncio.sleep(READ_CHECK_S)
            if (up_to := self._received_seq) > self._read_seq:
                with suppress(ClientError):
                    await self._session.mark_read(up_to)
                    self._read_seq = up_to


def is_command(line: str) -> bool:
    return line.startswith("/") and not line.startswith("//")


def now_ms() -> int:
    """Return the wall clock in ms since 1970, with which servers stamp events."""
    return time.time_ns() // 1_000_000
