"""The terminal chat: one session, shown on one screen.

Teaches what a chat window sends besides messages: receipts (how far its user has read) and typing notices. A notice
expires, so it is renewed while the user types, and withdrawn when the line is emptied. The user's own message is shown
when it arrives as an event, so that all windows show the same order.
"""

import asyncio
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from clients.client_ids import latency_ms, new_client_id
from clients.conversation import ChatSession
from clients.errors import ClientError
from clients.terminal import RoomStatus, day, message_line, notice_line
from clients.terminal_screens import Screen
from servers.core.wire import Event, Kind
from servers.transports import Transport

RENEW_S = 3.0  # after how long a notice is renewed: less than its lifetime on a server, which is 5 s by default
TYPING_CHECK_S = 0.25
READ_CHECK_S = 1.0
OUTBOX_MAX = 100  # lines that may wait to be sent; after that many, the next line is read only when one has been sent
HELP = """\
/who  who is here, and who was
/quit  leave, as does Ctrl-D
//  send a line that starts with a slash"""


@dataclass(slots=True)
class TypingNotices:
    """Decides when a typing notice is due, from the text at the last notice and the moment at which it was sent."""

    _text: str = ""
    _sent_s: float = float("-inf")

    def due(self, typed: str, now_s: float) -> bool | None:
        """Return True to notify that the user types, False that they have stopped, None if no notice is due."""
        if typed and typed != self._text and now_s - self._sent_s >= RENEW_S:
            self._text, self._sent_s = typed, now_s
            return True
        if self._text and not typed:
            self.reset()
            return False
        return None

    def reset(self) -> None:
        """Forget the last notice: a sent message itself shows that its sender has stopped typing."""
        self._text, self._sent_s = "", float("-inf")


class TerminalChat:
    """One user's window on a room. failures: how many lines could not be sent or executed."""

    def __init__(self, session: ChatSession, transport: Transport, screen: Screen) -> None:
        self.failures = 0
        self._session = session
        self._transport = transport
        self._screen = screen
        self._notices = TypingNotices()
        self._sending: dict[str, str] = {}  # client_id -> text of each message that is not acknowledged
        self._outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX_MAX)  # client_ids of the messages that are not sent
        self._latency_ms: float | None = None
        self._day = day(now_ms())
        self._start_log()

    async def run(self) -> None:
        """Chat until the user leaves. Raises an exception group with Refused if the server does not accept the user."""
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
            self._sending.pop(message.client_id, None)
            self._sent_seq = max(self._sent_seq, message.seq)
        else:
            self._received_seq = max(self._received_seq, message.seq)
        date = day(message.at_ms)
        if date != self._day:
            self._day = date
            self._note(date)
        self._screen.show(message_line(message, is_own))

    def _note(self, text: str, at_ms: int = 0) -> None:
        self._screen.show(notice_line(text, at_ms))

    def _fail(self, text: str) -> None:
        self.failures += 1
        self._screen.show(notice_line(text, style="class:error"))

    def _status(self) -> RoomStatus:
        chat = self._session
        sending = len(self._sending)
        return RoomStatus(
            self._transport, chat.account, chat.view, chat.connected, self._sent_seq, self._latency_ms, sending
        )

    def _toolbar(self) -> StyleAndTextTuples:
        return self._status().toolbar(now_ms(), time.monotonic())

    async def _read_lines(self) -> None:
        """Execute each line until the user leaves, then wait at most `leave_s` for messages that are not sent yet."""
        async with aclosing(self._screen.lines(f"{self._session.room} > ", self._toolbar)) as lines:
            async for line in lines:
                if line.strip() == "/quit":
                    break
                await self._execute(line)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._screen.leave_s):
                await self._outbox.join()
        for text in self._sending.values():
            self._fail(f"not acknowledged: {text}")

    async def _execute(self, line: str) -> None:
        match line.split():
            case ["/who"]:
                for _, person in self._status().people(now_ms()):
                    self._note(person)
            case ["/help"]:
                self._note(HELP)
            case [_, *_] if is_command(line):
                self._fail(f"{line.strip()}: no such command; see /help")
            case [_, *_]:
                text = line[1:] if line.startswith("//") else line
                client_id = new_client_id()
                self._notices.reset()
                self._sending[client_id] = text
                await self._outbox.put(client_id)

    async def _empty_outbox(self) -> None:
        """Send the messages of the outbox one after the other, so that they keep their order."""
        while True:
            client_id = await self._outbox.get()
            try:
                await self._session.send(self._sending[client_id], client_id)
            except ClientError as error:
                if client_id in self._sending:  # otherwise the message arrived as an event: only its response was lost
                    self._fail(f"not sent: {self._sending[client_id][:60]}\n{error}")
            self._sending.pop(client_id, None)
            self._outbox.task_done()

    async def _notify_typing(self) -> None:
        """Notify the others when the user types; a late notice is dropped, since it may no longer be true."""
        while True:
            await asyncio.sleep(TYPING_CHECK_S)
            typed = self._screen.typed()
            active = self._notices.due("" if is_command(typed) else typed, time.monotonic())
            if active is not None and self._session.connected:
                with suppress(ClientError, TimeoutError):
                    async with asyncio.timeout(RENEW_S):
                        await self._session.typing(active)

    async def _notify_read(self) -> None:
        """Notify the others how far the user has read, if that is further than before."""
        while True:
            await asyncio.sleep(READ_CHECK_S)
            up_to, snapshot = self._received_seq, self._snapshot
            if up_to > self._read_seq:
                with suppress(ClientError):
                    await self._session.mark_read(up_to)
                    if snapshot is self._snapshot:  # otherwise a new log has begun, of which nothing is read
                        self._read_seq = up_to


def is_command(line: str) -> bool:
    """Return whether a line begins with one slash; spaces before it do not count."""
    return line.lstrip().startswith("/") and not line.lstrip().startswith("//")


def now_ms() -> int:
    """Return the wall clock in ms since 1970, with which servers stamp events."""
    return time.time_ns() // 1_000_000
