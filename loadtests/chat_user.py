"""The user of every load test: joins a room, listens, and speaks when the schedule says so.

Teaches how to measure delivery rather than requests. The Locust task is the sender, an open loop; the receiver is a
greenlet beside it; and each delivery goes into Locust's statistics as a request of type DELIVER, with the latency from
the moment at which the message was *meant* to be sent. That moment travels at the head of the message's text.

A transport's own file supplies four things: open, post, receive and close. Leaves out reconnecting.
"""

import os
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import gevent
from gevent import Greenlet
from gevent.event import Event as Never
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from clients.inbox import Inbox
from loadtests.http_line import HttpLine, LineBroken
from loadtests.phases import Load, sleep_until
from loadtests.samples import Received, Sent
from loadtests.scenarios import Scenario
from loadtests.schedule import intended_s, phase
from servers.core.wire import Ack, Event, Kind, Page, Send

TRIES = 3
RETRY_S = 0.5


class ChatUser(FastHttpUser):
    """One member of one room, on one connection."""

    abstract = True
    load: ClassVar[Load]
    """Of the test that runs; set when it starts."""
    http_line: ClassVar[type[HttpLine]] = HttpLine
    """How to speak over plain HTTP: another dialect brings another line."""

    def open(self) -> Inbox:
        """Join the room; return an inbox that stands where listening begins."""
        raise NotImplementedError

    def post(self, message: Send) -> Ack:
        """Send a message and wait for its acknowledgement; raises LineBroken."""
        raise NotImplementedError

    def receive(self) -> Page:
        """Wait for the next page, the transport's way; raises LineBroken."""
        raise NotImplementedError

    def close(self) -> None:
        """Say goodbye."""
        raise NotImplementedError

    def on_start(self) -> None:
        """Log in, open the line, listen, and wait at the barrier for everybody else."""
        self.scenario = self.load.scenario
        self.number = self.load.next_number()
        self.phase = phase(self.scenario.seed, self.number)
        self.room_number = self.number // self.scenario.room_size
        self.room = f"room-{self.room_number}"
        self.http = self.http_line(self.client, self.room, f"connection-{self.number}")
        try:
            account = self.http.log_in(f"user {self.number} of {os.getpid()}")
            self.inbox = self.open()
        except LineBroken as broken:
            self.load.samples.troubles.append(f"user {self.number} joining: {broken}")
            raise
        self.load.samples.user_ids[self.number] = account.user
        self.receiver: Greenlet = gevent.spawn(self._listen)
        self.load.wait_for_all()

    @task
    def speak(self) -> None:
        """Send each message at the moment it is meant for, or late, but never skip it: an open loop."""
        scenario = self.scenario
        moments = intended_s(scenario.seed, self.number, scenario.rate_per_s, scenario.load_s)
        for index, moment_s in enumerate(moments):
            due_s = self.load.begin_s + moment_s
            sleep_until(due_s)
            text = f"{due_s:.6f} ".ljust(scenario.text_bytes, ".")
            self._send(Send(client_id=f"{self.number}-{index}", text=text), due_s)
        self.load.has_spoken()
        Never().wait()  # a task that ended would be started anew; Locust stops us when the test is over

    def on_stop(self) -> None:
        """Stop listening before hanging up: a receiver must not take our goodbye for a broken line."""
        if hasattr(self, "receiver"):
            self.receiver.kill()
            self.load.samples.redundant_frames += self.inbox.redundant_frames
            self.close()

    def _send(self, message: Send, due_s: float) -> None:
        """Send until it is acknowledged. The client_id stays the same, so a repeated message is stored once."""
        samples, sent_s = self.load.samples, perf_counter()
        for _ in range(TRIES):
            try:
                seq = self.post(message).seq
            except LineBroken as broken:
                samples.send_retries += 1
                samples.troubles.append(f"user {self.number} sending: {broken}")
                gevent.sleep(RETRY_S)
            else:
                samples.note_sent(Sent(self.room_number, seq, self.number, due_s, sent_s, perf_counter()))
                return
        samples.send_failures += 1

    def _listen(self) -> None:
        """Take in every page. A line that breaks stays broken: what it would have brought counts as lost."""
        try:
            while True:
                for event in self.inbox.feed(self.receive()):
                    if event.kind is Kind.MESSAGE:
                        self._note(event, perf_counter())
                gevent.sleep(0)  # let everyone who was told in this moment note it, before anybody asks again
        except LineBroken as broken:
            self.load.samples.troubles.append(f"user {self.number} listening: {broken}")

    def _note(self, event: Event, received_s: float) -> None:
        self.load.samples.note_received(Received(self.room_number, event.seq, self.number, received_s))
        due_s = float(event.body.partition(" ")[0])
        self.environment.events.request.fire(
            request_type="DELIVER",
            name="message",
            response_time=(received_s - due_s) * 1000,
            response_length=len(event.body),
            exception=None,
            context=self.context(),
        )


def add_options(parser: LocustArgumentParser) -> None:
    """Let every Locust file take the fields of a scenario, and a file for the raw samples."""
    for field in fields(Scenario):
        if field.metadata and field.name != "users":
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=type(field.default), default=field.default, help=field.metadata["meaning"])
    parser.add_argument("--record", default="", help="File for the raw samples; none by default.")


def begin(environment: Environment, **_: Any) -> None:
    """Make what the users of this test share, before the first of them exists."""
    ChatUser.load = Load(environment, Scenario.from_options("by hand", vars(environment.parsed_options)))


def conduct(user_count: int, **_: Any) -> None:
    """Lead the test from here on."""
    gevent.spawn(ChatUser.load.conduct, user_count)


def write_samples(environment: Environment, **_: Any) -> None:
    """Write the raw samples, once everybody has stopped."""
    if path := vars(environment.parsed_options)["record"]:
        ChatUser.load.samples.write(Path(path))


events.init_command_line_parser.add_listener(add_options)
events.test_start.add_listener(begin)
events.spawning_complete.add_listener(conduct)
events.quitting.add_listener(write_samples)
