"""The user of every load test: joins a room, listens, and does what the schedule says when it says so.

Teaches how to measure delivery rather than requests. The Locust task is the sender, an open loop; the receiver is a
greenlet beside it. Locust's statistics show the requests; deliveries are not requests, and are noted down apart, each
with its latency from the moment at which the event was *meant* to be caused (`loadtests.accounts.summary`).

A transport's own file supplies four things: open, post, receive and leave.
"""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from random import Random
from time import perf_counter
from typing import ClassVar

import gevent
from gevent import Greenlet, GreenletExit
from gevent.event import Event as Never
from locust import User, task

from clients.inbox import Inbox
from loadtests.accounts.samples import KINDS, OPENING, Asked, Return, Sent
from loadtests.plan.schedule import Intention, intentions, phase
from loadtests.users import locust_hooks
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from loadtests.users.phases import Load, sleep_until
from loadtests.users.reports import WEBSOCKET
from servers.core.wire import Ack, Cursor, Event, Kind, MarkRead, Page, Send, Snapshot, SocketCommand, Typing

TRIES = 3
TRIES_IF_LINES_BREAK = 60
RETRY_S = 0.5
BACKOFF_S = 0.1
BACKOFF_MAX_S = 5.0

BROKEN_LINE = "LINE"
"""The type, in Locust's statistics, of a failure to receive on a line that was open."""


class ChatUser(User):
    """One member of one room, on one connection."""

    abstract = True
    host: str
    """Where the server is. Of several, separated by commas, the users take turns by their numbers."""
    load: ClassVar[Load]
    """Of the test that runs; set when it starts."""
    http_line: ClassVar[type[HttpUserSession]] = HttpUserSession
    """How to speak over plain HTTP: another dialect brings another line."""

    def open(self, after: Cursor | None) -> Snapshot:
        """Join the room, or come back to it and read on from a cursor; raises ConnectionLost."""
        raise NotImplementedError

    def post(self, command: SocketCommand) -> Ack:
        """Have a command carried out and wait for its acknowledgement; raises ConnectionLost."""
        raise NotImplementedError

    def receive(self) -> Page:
        """Wait for the next page, the transport's way; raises ConnectionLost."""
        raise NotImplementedError

    def leave(self) -> Ack:
        """Say goodbye, when nobody listens any more, and let go of the line; a seq of 0 if that is all it takes."""
        raise NotImplementedError

    def on_start(self) -> None:
        """Log in, enter, listen, and wait at the barrier for everybody else; whoever cannot join ends here."""
        self.workload, self.witness = self.load.workload, self.load.witness
        self.sessions = 0
        if (number := self.load.next_number()) is None:
            raise GreenletExit  # which Locust takes for a user's end, and unlike an exception not for a fault
        self.number = number
        addresses = self.host.split(",")
        self.host = addresses[self.number % len(addresses)]
        self.phase = phase(self.workload.seed, self.number)
        self.room_number = self.number // self.workload.room_size
        self.room = f"room-{self.room_number}"
        connection, keep_alive = f"connection-{self.number}", bool(self.workload.keep_alive)
        self.http = self.http_line(self.host, self.report, self.room, connection, keep_alive)
        self.random = Random(f"back-off {self.workload.seed} {self.number}")
        self.tries = TRIES_IF_LINES_BREAK if self.workload.users_return else TRIES
        try:
            self._join(self.tries if self.workload.lines_break else 1)
        except ConnectionLost as broken:
            self.load.refuse(broken)
            raise GreenletExit from None
        self.load.wait_for_all()

    @task
    def act(self) -> None:
        """Do each thing at the moment it is meant for, or late, but never skip it: an open loop."""
        for index, intention in enumerate(intentions(self.workload, self.number)):
            due_s = self.load.begin_s + intention.moment_s
            sleep_until(due_s)
            self.witness.means(self.number, due_s, intention.body)
            self._persist(self._deed(intention, index, due_s), intention.kind, due_s)
        self.load.has_spoken()
        Never().wait()  # a task that ended would be started anew; Locust stops us when the test is over

    def on_stop(self) -> None:
        """Stop listening before hanging up: a receiver must not take our goodbye for a broken line."""
        if self.sessions:
            with suppress(ConnectionLost):
                self._go()
            self.http.hang_up()
            self.load.has_left()

    def _join(self, tries: int) -> None:
        """Log in and enter; raises ConnectionLost once that has failed so often."""
        for left in reversed(range(tries)):
            try:
                if not self.http.token:
                    self.user_id = self.http.log_in(f"user {self.number} of {self.load.name}").user
                self._enter()
                return
            except ConnectionLost as broken:
                self.load.samples.troubles.append(f"user {self.number} joining: {broken}")
                if not left:
                    raise
                gevent.sleep(RETRY_S)

    def _deed(self, intention: Intention, index: int, due_s: float) -> Callable[[], int]:
        """Return what is to be done, which returns the seq of its event. A repeated message is stored once."""
        command: SocketCommand
        match intention.kind:
            case Kind.PRESENCE:
                return self._enter if intention.body == "online" else self._go
            case Kind.MESSAGE:
                command = Send(client_id=f"{self.number}-{index}", text="." * self.workload.text_bytes)
            case Kind.TYPING:
                command = Typing(active=intention.body == "started")
            case Kind.RECEIPT:
                command = MarkRead(up_to=self.read_up_to)
        return lambda: self.post(command).seq

    def _persist(self, deed: Callable[[], int], kind: Kind, due_s: float) -> None:
        """Try until it is acknowledged."""
        samples, sent_s = self.load.samples, perf_counter()
        for _ in range(self.tries):
            try:
                seq = deed()
            except ConnectionLost as broken:
                samples.send_retries += 1
                samples.troubles.append(f"user {self.number}, {kind}: {broken}")
                gevent.sleep(RETRY_S)
            else:
                place = (self.room_number, seq, self.number, KINDS.index(kind))
                self.witness.did(Sent(*place, due_s, sent_s, perf_counter()))
                return
        samples.send_failures += 1

    def _enter(self) -> int:
        """Begin a session; return minus the seq after which it begins, at or before which lies the event of coming."""
        self.inbox = Inbox(self._opened(None).cursor)
        self.read_up_to = self.inbox.cursor.seq
        self.witness.entered(self.room_number, self.number, self.user_id, self.inbox, self.sessions)
        self.sessions += 1
        self.receiver: Greenlet = gevent.spawn(self._listen)
        return -self.inbox.cursor.seq

    def _opened(self, after: Cursor | None) -> Snapshot:
        """Open the line, and note how that went; raises ConnectionLost."""
        begun_s = perf_counter()
        try:
            snapshot = self.open(after)
        except ConnectionLost:
            self._note_asked(OPENING, begun_s, False)
            raise
        self._note_asked(OPENING, begun_s, True)
        return snapshot

    def _go(self) -> int:
        """End the session; return the seq of the event that says so, or else minus the last seq that was read."""
        self.receiver.kill()
        self.witness.left(self.number)
        self.load.samples.redundant_frames += self.inbox.redundant_frames
        self.inbox.redundant_frames = 0
        return self.leave().seq or -self.inbox.cursor.seq

    def _listen(self) -> None:
        """Take in every page. A line that breaks stays broken, and what it would have brought counts as lost.

        Unless lines may break in this load: then it is opened again, and read on from the inbox's cursor.
        """
        while True:
            try:
                page = self.receive()
                self.witness.heard(self.number, page)
                for event in self.inbox.feed(page):
                    self._note(event, perf_counter())
                gevent.sleep(0)  # let everyone who was told in this moment note it, before anybody asks again
            except ConnectionLost as broken:
                self.load.samples.troubles.append(f"user {self.number} listening: {broken}")
                if not broken.is_counted:  # a failure, but no request: what was pushed had not been asked for
                    self.environment.stats.log_error(BROKEN_LINE, "receive", broken)
                if not self.workload.users_return:
                    return
                self._return()

    def _return(self) -> None:
        """Open the line again, after pauses that double and that are random, lest all come back at once."""
        broken_s, pause_s = perf_counter(), BACKOFF_S
        self.witness.line_broke(self.number, broken_s)
        for attempt in count(1):
            gevent.sleep(self.random.uniform(0, pause_s))
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)
            try:
                self._opened(self.inbox.cursor)
            except ConnectionLost:
                continue
            self.witness.returned(Return(self.number, broken_s, perf_counter(), attempt))
            return

    def _note(self, event: Event, received_s: float) -> None:
        if event.kind is Kind.MESSAGE:
            self.read_up_to = event.seq
        due_s = self.witness.saw(self.room_number, self.number, event, received_s)
        if due_s is not None:
            self.load.note_latency(received_s - due_s)

    def _note_asked(self, what: str, begun_s: float, went_well: bool) -> None:
        """Note what was done to hear and to be heard, where lines may break."""
        if self.workload.lines_break:
            self.load.samples.asked.append(Asked(self.number, what, begun_s, perf_counter(), went_well))

    def report(self, kind: str, name: str, took_s: float, length: int, broken: ConnectionLost | None = None) -> None:
        """Put a request into Locust's own statistics."""
        if kind != WEBSOCKET:
            self._note_asked(f"{kind} {name}", perf_counter() - took_s, broken is None)
        if broken:
            broken.is_counted = True
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=1000 * took_s,
            response_length=length,
            exception=broken,
            context=self.context(),
        )


locust_hooks.Test(lambda load: setattr(ChatUser, "load", load)).install()
