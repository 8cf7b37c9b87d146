"""The user of every load test: joins a room, receives, and acts at the moments of a schedule.

Teaches how to measure delivery rather than requests. The Locust task is the sender, an open loop; the receiver is a
second greenlet, which records deliveries with the latency from the *scheduled* moment of their action. Plain HTTP is
the default connection. A transport's own file supplies `receive`, and what else it does differently.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from random import Random
from time import perf_counter
from typing import ClassVar

import gevent
from gevent import Greenlet, GreenletExit
from gevent.event import Event as GreenletEvent
from locust import User, task

from clients.backoff import Backoff
from clients.inbox import Inbox
from loadtests.accounts.rows import KINDS, OPENING, Reconnection, Request, Sent
from loadtests.plan.schedule import FIRST_SEND, ScheduledAction, phase, schedule
from loadtests.plan.texts import text_of
from loadtests.users.generator_process import GeneratorProcess, sleep_until
from loadtests.users.http_connection import ConnectionLost
from loadtests.users.http_session import HttpUserSession
from loadtests.users.locust_hooks import LocustHooks
from loadtests.users.reports import WEBSOCKET
from servers.core.wire import Ack, Cursor, Event, Kind, MarkRead, Page, Send, Snapshot, SocketCommand, Typing

ATTEMPTS = 3
ATTEMPTS_IF_CONNECTIONS_BREAK = 60
"""How often an action is tried: few times, so that a fault shows soon; where the load breaks connections, for about
half a minute, which is longer than they stay broken."""

RETRY_S = 0.5
"""The mean of the pauses before an action is tried again; the first pause is half as long."""

SETTLING_S = 1.0
"""The longest pause between joining and the first send. The pause is as long as joining took, which is several round
trips: so the first read is under way, and the first send opens the connection that later sends use."""

RECEIVE_FAILED = "CONN"
"""The type, in Locust's statistics, of a failure to receive on an open connection."""


class ChatUser(User):
    """One member of one room, on one connection."""

    abstract = True
    host: str
    """Where the server is. Of several, separated by commas, the users take turns by their numbers."""
    process: ClassVar[GeneratorProcess]
    """What the users of this process share; set when a test starts."""
    http: HttpUserSession
    """The requests over plain HTTP: those of our protocol, or of another server's."""
    last_page: Page | None = None
    """The page that was received last; None on a new connection."""
    opened: ExitStack
    """Closes what `open` has opened."""

    def open(self, after: Cursor | None) -> Snapshot:
        """Join the room, or come back to it and read on from a cursor; raises ConnectionLost."""
        return self.http.join()

    def post(self, command: SocketCommand) -> Ack:
        """Send a command and wait for its acknowledgement; raises ConnectionLost."""
        return self.http.command(command)

    def receive(self) -> Page:
        """Wait for the next page, in the transport's way; raises ConnectionLost."""
        raise NotImplementedError

    def leave(self) -> Ack:
        """Leave the room and close the connection; a seq of 0 if there is no acknowledgement. `receive` has ended."""
        return self.http.leave()

    def on_start(self) -> None:
        """Log in, join, receive, send once, and wait at the barrier; a user who cannot join ends here."""
        self.workload = self.process.workload
        self.recorder = self.process.recorder
        self.opened = ExitStack()
        self.sessions = 0
        number = self.process.next_number()
        if number is None:
            raise GreenletExit  # which ends a user without an error in Locust's statistics
        self.number = number
        addresses = self.host.split(",")
        self.host = addresses[number % len(addresses)]
        self.phase = phase(self.workload.seed, number)
        self.room_number = number // self.workload.room_size
        self.room = f"room-{self.room_number}"
        self.http = HttpUserSession(
            self.host,
            self.report,
            self.room,
            f"connection-{number}",
            keep_alive=bool(self.workload.keep_alive),
            link=self.workload.link,
            resumes=bool(self.workload.resume_tls),
        )
        self.random = Random(f"back-off {self.workload.seed} {number}")
        self.reconnecting = Backoff(random=self.random)
        self.attempts = ATTEMPTS_IF_CONNECTIONS_BREAK if self.workload.users_return else ATTEMPTS
        begun_s = perf_counter()
        try:
            self._join(self.attempts if self.workload.connections_break else 1)
        except ConnectionLost as lost:
            self.process.report_refusal(lost)
            raise GreenletExit from None
        gevent.sleep(min(perf_counter() - begun_s, SETTLING_S))
        self._act_at(perf_counter(), FIRST_SEND, 0)
        self.process.wait_for_all()

    @task
    def act(self) -> None:
        """Start each action at its scheduled moment, or late, but never skip it: an open loop."""
        for index, action in enumerate(schedule(self.workload, self.number), 1):
            due_s = self.process.begin_s + action.moment_s
            sleep_until(due_s)
            self._act_at(due_s, action, index)
        self.process.user_finished()
        GreenletEvent().wait()  # a task that ended would be started again; Locust stops us when the test is over

    def on_stop(self) -> None:
        """Leave, after the receiver has ended: it must not count our leaving as a broken connection."""
        if self.sessions:
            try:
                with suppress(ConnectionLost):
                    self._end_session()
                self.http.close()
            finally:  # the samples are sent once all have left
                self.process.user_left()

    def report(self, kind: str, name: str, took_s: float, length: int, lost: ConnectionLost | None = None) -> None:
        """Add a request to Locust's own statistics."""
        if kind != WEBSOCKET:
            begun_s = perf_counter() - took_s
            self.process.samples.begun_s.append(begun_s)
            self._record_request(f"{kind} {name}", begun_s, lost is None)
        if lost:
            lost.is_counted = True
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=1000 * took_s,
            response_length=length,
            exception=lost,
            context=self.context(),
        )

    def _join(self, attempts: int) -> None:
        """Log in and join; raises ConnectionLost after the last of the attempts."""
        backoff = Backoff(RETRY_S, 2 * RETRY_S, self.random)
        for attempt in count(1):
            try:
                if not self.http.token:
                    self.user_id = self.http.log_in(f"user {self.number} of {self.process.name}").user
                self._start_session()
                return
            except ConnectionLost as lost:
                self._note_trouble("joining", lost)
                if attempt == attempts:
                    raise
                gevent.sleep(max(backoff.next_s(), lost.retry_after_s))

    def _act_at(self, due_s: float, action: ScheduledAction, index: int) -> None:
        """Perform the index-th action of this user, which was due at that moment."""
        self.recorder.starts(self.number, due_s, action.body)
        self._perform(self._request_of(action, index), action.kind, due_s)

    def _request_of(self, action: ScheduledAction, index: int) -> Callable[[], int]:
        """Return a function that performs an action and returns the seq of its event.

        A message that it sends again has the same client id, so it is stored once.
        """
        command: SocketCommand
        match action.kind:
            case Kind.PRESENCE:
                return self._start_session if action.body == "online" else self._end_session
            case Kind.MESSAGE:
                client_id = f"{self.number}-{index}"
                command = Send(client_id=client_id, text=text_of(self.workload.text_bytes, client_id))
            case Kind.TYPING:
                command = Typing(active=action.body == "started")
            case Kind.RECEIPT:
                command = MarkRead(up_to=self.read_up_to)
        return lambda: self.post(command).seq

    def _perform(self, request: Callable[[], int], kind: Kind, due_s: float) -> None:
        """Repeat a request until it is acknowledged, or until there are no attempts left."""
        sent_s = perf_counter()
        backoff = Backoff(RETRY_S, 2 * RETRY_S, self.random)
        for attempt in range(self.attempts):
            try:
                seq = request()
            except ConnectionLost as lost:
                self.process.samples.send_retries += 1
                self._note_trouble(kind, lost)
                if attempt + 1 < self.attempts:
                    gevent.sleep(max(backoff.next_s(), lost.retry_after_s))
            else:
                place = (self.room_number, seq, self.number, KINDS.index(kind))
                self.recorder.acknowledged(Sent(*place, due_s, sent_s, perf_counter()))
                return
        self.process.samples.send_failures += 1

    def _start_session(self) -> int:
        """Join the room and receive; return minus the seq after which the session begins (see `Sent`)."""
        self.inbox = Inbox(self._open_connection(None).cursor)
        self.read_up_to = self.inbox.cursor.seq
        self.recorder.joined(self.room_number, self.number, self.user_id, self.inbox, self.sessions)
        self.sessions += 1
        self.receiver: Greenlet = gevent.spawn(self._receive_all)
        return -self.inbox.cursor.seq

    def _end_session(self) -> int:
        """Leave the room; return the seq of the event of leaving, or else minus the last seq that was read."""
        self.receiver.kill()
        self.recorder.left(self.number)
        self.process.samples.redundant_frames += self.inbox.redundant_frames
        self.inbox.redundant_frames = 0
        return self.leave().seq or -self.inbox.cursor.seq

    def _open_connection(self, after: Cursor | None) -> Snapshot:
        """Open the connection, and record how that went; raises ConnectionLost."""
        self.opened.close()  # an earlier connection
        self.last_page = None
        begun_s = perf_counter()
        succeeded = False
        try:
            snapshot = self.open(after)
            succeeded = True
        finally:
            self._record_request(OPENING, begun_s, succeeded)
        return snapshot

    def _receive_all(self) -> None:
        """Receive every page until the connection breaks; everything after that counts as lost.

        A load in which users return opens the connection again, and reads on from the inbox's cursor.
        """
        while True:
            try:
                self.last_page = page = self.receive()
                received_s = perf_counter()
                self.reconnecting.reset()
                self.recorder.received(self.number, page)
                for event in self.inbox.feed(page):
                    self._record(event, received_s)
            except ConnectionLost as lost:
                self._note_trouble("receiving", lost)
                if not lost.is_counted:  # a push failed, and no request, so Locust has not counted it
                    self.environment.stats.log_error(RECEIVE_FAILED, "receive", lost)
                if not self.workload.users_return:
                    return
                self._reconnect(lost)

    def _reconnect(self, lost: ConnectionLost) -> None:
        """Open the connection again, as clients do: after random pauses, so that not all come back at once.

        A pause is at least as long as the server asked for.
        """
        broken_s = perf_counter()
        self.recorder.disconnected(self.number, broken_s)
        for attempt in count(1):
            gevent.sleep(max(self.reconnecting.next_s(), lost.retry_after_s))
            try:
                self._open_connection(self.inbox.cursor)
            except ConnectionLost as refused:
                lost = refused
            else:
                self.recorder.reconnected(Reconnection(self.number, broken_s, perf_counter(), attempt))
                return

    def _record(self, event: Event, received_s: float) -> None:
        if event.kind is Kind.MESSAGE:
            self.read_up_to = event.seq
        due_s = self.recorder.delivered(self.room_number, self.number, event, received_s)
        if due_s is not None:
            self.process.note_latency(received_s - due_s)

    def _record_request(self, name: str, begun_s: float, succeeded: bool) -> None:
        """Record a request, where connections may break."""
        if self.workload.connections_break:
            row = Request(self.number, name, begun_s, perf_counter(), succeeded)
            self.process.samples.requests.append(row)

    def _note_trouble(self, doing: str, lost: ConnectionLost) -> None:
        self.process.samples.troubles.append(f"user {self.number}, {doing}: {lost}")


LocustHooks(lambda process: setattr(ChatUser, "process", process)).install()
