"""`kill -9` of the server under load: is every acknowledged message still there?

Teaches what an acknowledgement promises. Senders note each acknowledgement they receive, also those that were still in
the line's buffers when the server died; the restarted server, on the same file, must know every one of them under its
sequence number. Then every message in doubt is sent again, and some that are not: each must be in the log once.
"""

import random
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from loadtests.experiments.bench.calls import Caller, accounts, connect, http_request, join_frames, open_sockets
from loadtests.experiments.bench.crowd import BenchConnection, Crowd
from loadtests.experiments.bench.findings import Finding, Goal
from loadtests.experiments.bench.processes import chat_server
from loadtests.experiments.bench.readers import TEXT, Message, client_frame
from loadtests.experiments.bench.sizes import BenchSizes
from servers.core.wire import Account, Ack, Event, Send, decode, encode

SLUGS = ("short_polling", "raw_websocket")  # commands over HTTP, and as frames
SENDERS = 10
RESENT_KNOWN = 10  # acknowledged messages that are sent again all the same
SEED = 9
PAGE = 100
END = 1 << 53
NONE = Goal(0.0)
ACK = b'{"type":"ack"'


class Senders:
    """Ten users, what they were promised, and what they never heard of again."""

    def __init__(self, slug: str, store: str) -> None:
        self.slug = slug
        self.store = store
        self.acknowledged: dict[str, int] = {}
        self.owners: list[Account] = []
        self._waiting: dict[int, str] = {}
        self._sent = 0
        self._address = ""

    def load_until_killed(self, load_s: float) -> None:
        """Start the server, send as fast as it acknowledges, kill it after that long, and read what had arrived.

        It is not killed before it has acknowledged anything, however slow the machine is.
        """
        with chat_server(self.slug, "--store", self.store) as server:
            self._address = server.address
            lines = self._lines()
            with closing(Crowd(lines)) as crowd:
                for line in lines:
                    self._send(line)
                end_s = time.monotonic() + load_s
                crowd.run(self._note, lambda: bool(self.acknowledged) and time.monotonic() > end_s)
                server.kill()
                self._address = ""
                crowd.run(self._note, lambda: crowd.lost == len(lines))
                crowd.close_lines()

    def missing_and_doubled(self) -> tuple[int, int]:
        """Restart the server; return how many promises it broke, and how many messages a retry has doubled."""
        with chat_server(self.slug, "--store", self.store) as server, closing(Caller(server.address)) as caller:
            owner = self.owners[0]
            found = {event.client_id: event.seq for event in history(caller, owner)}
            missing = sum(found.get(client_id) != seq for client_id, seq in self.acknowledged.items())
            moved = self._send_again(caller)
            copies = Counter(event.client_id for event in history(caller, owner))
            return missing, moved + sum(count - 1 for count in copies.values())

    def _send_again(self, caller: Caller) -> int:
        """Send what is in doubt, and some that is not; return how many of these came under another number."""
        known = list(self.acknowledged)[-RESENT_KNOWN:]
        moved = 0
        for client_id in [*self._waiting.values(), *known]:
            owner = self.owners[int(client_id.partition("-")[0])]
            ack = caller.call("POST", "/rooms/room/send", Ack, owner.token, Send(client_id, words(client_id)))
            moved += self.acknowledged.setdefault(client_id, ack.seq) != ack.seq
        self._waiting.clear()
        return moved

    def _lines(self) -> list[BenchConnection]:
        """Let everyone into the room; return their lines."""
        with closing(Caller(self._address)) as caller:
            self.owners = self.owners or accounts(caller, SENDERS, lines_per_user=1)
            if self.slug == "raw_websocket":
                return open_sockets(self._address, "/rooms/room/socket", SENDERS, join_frames(self.owners))
            for owner in self.owners:
                caller.join(owner, "room", "c")
        return connect(self._address, SENDERS)

    def _send(self, line: BenchConnection) -> None:
        self._sent += 1
        client_id = self._waiting[line.number] = f"{line.number}-{self._sent}"
        wish = encode(Send(client_id, words(client_id)))
        if self.slug == "raw_websocket":
            line.send(client_frame(wish))
        else:
            line.send(http_request(self._address, "POST", "/rooms/room/send", self.owners[line.number].token, wish))

    def _note(self, line: BenchConnection, message: Message) -> None:
        """Note an acknowledgement, and send the next message while the server lives."""
        if message.kind in (TEXT, 200) and message.body.startswith(ACK):
            self.acknowledged[self._waiting.pop(line.number)] = decode(message.body, type=Ack).seq
            if self._address:
                self._send(line)


def history(caller: Caller, owner: Account) -> list[Event]:
    """Return every message of the room, newest page first; raises ValueError if one says what was not sent."""
    messages: list[Event] = []
    before = END
    while page := caller.call("GET", f"/rooms/room/history?before={before}&limit={PAGE}", list[Event], owner.token):
        messages += page
        before = page[0].seq
    if garbled := [event.seq for event in messages if event.body != words(event.client_id)]:
        raise ValueError(f"messages {garbled[:10]}: not what was sent")
    return messages


def words(client_id: str) -> str:
    return f"message {client_id}".ljust(120, ".")


def measure(plan: BenchSizes) -> list[Finding]:
    """Return what was lost and what was doubled over all kills."""
    return [finding for slug in SLUGS for finding in after_kills(slug, plan)]


def after_kills(slug: str, plan: BenchSizes) -> list[Finding]:
    """Kill one server over and over, on one file; return what was lost and what was doubled."""
    chance = random.Random(SEED)
    outcomes: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        senders = Senders(slug, f"sqlite:///{Path(folder) / 'chat.db'}")
        for _ in range(plan.kills):
            senders.load_until_killed(chance.uniform(*plan.load_s))
            outcomes.append(senders.missing_and_doubled())
    missing, doubled = (float(sum(column)) for column in zip(*outcomes, strict=True))
    name, note = f"kill -9, {slug}: ", f"of {len(senders.acknowledged):,} acknowledged, over {plan.kills} kills"
    return [
        Finding(name + "missing", "messages", [missing], NONE, note),
        Finding(name + "doubled by retries", "messages", [doubled], NONE, note),
    ]
