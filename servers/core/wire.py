"""The messages of the chat, in memory and as JSON: events, cursors, pages, commands and responses.

Teaches that one format serves every transport: a poll's response, a WebSocket frame and a Pusher event's data are the
same `Page`. Everything is JSON; pages, commands and their responses have a `type` tag. Leaves out how they travel.
"""

from enum import StrEnum
from typing import Self

import msgspec
from msgspec import Struct


class Kind(StrEnum):
    """What an event is about. The comments state what its `body` holds."""

    MESSAGE = "message"  # the text
    TYPING = "typing"  # "started" or "stopped"
    PRESENCE = "presence"  # "online" or "offline"
    RECEIPT = "receipt"  # the sequence number up to which the sender has read, in decimal


class Event(Struct, frozen=True, omit_defaults=True):
    """One committed row of a room's log.

    seq: gap-free, per room, from 1. sender: user id; name: the sender's display name. client_id: chosen by the
    sender, so that a retried send is stored once. at_ms: server's wall clock at commit, ms since 1970.
    expires_at_ms: after this moment the notice is no longer true (typing only).
    """

    room: str
    seq: int
    kind: Kind
    sender: str
    name: str
    body: str
    at_ms: int
    client_id: str = ""
    expires_at_ms: int | None = None


class Draft(Struct, frozen=True):
    """An event before the store gives it its room and sequence number."""

    kind: Kind
    sender: str
    name: str
    body: str
    at_ms: int
    client_id: str = ""
    expires_at_ms: int | None = None


class Cursor(Struct, frozen=True):
    """A position in a room's log: everything up to and including `seq` has been read.

    epoch names the log itself: a new epoch means that the old log was lost. On the wire: `<epoch>.<seq>`.
    """

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"

    @property
    def entity_tag(self) -> str:
        """The ETag (RFC 9110 section 8.8.3) of the page that ends at this cursor."""
        return f'"{self}"'

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<epoch>.<seq>`; raise ValueError for anything else."""
        epoch, dot, seq = text.rpartition(".")
        if not (dot and epoch.isprintable() and seq.isascii() and seq.isdecimal()) or len(seq) > 18:
            raise ValueError(f"cursor: expected <epoch>.<seq>, got {text[:80]!r}")
        return cls(epoch, int(seq))


class Page(Struct, frozen=True, tag="page"):
    """The events after `after`, up to and including `next`, in order.

    A reader whose cursor lies before `after` has missed something: that is a gap, and the reader must catch up.
    """

    epoch: str
    after: int
    next: int
    events: tuple[Event, ...]

    @classmethod
    def empty(cls, at: Cursor) -> Self:
        """Return the page for a reader who has read everything."""
        return cls(at.epoch, at.seq, at.seq, ())

    @property
    def cursor(self) -> Cursor:
        """The reader's cursor once the page has been read."""
        return Cursor(self.epoch, self.next)


class Member(Struct, frozen=True):
    """A user who has joined a room. last_seen_ms: when a lease of theirs was last renewed."""

    user: str
    name: str
    online: bool
    last_seen_ms: int


class Snapshot(Struct, frozen=True, tag="snapshot"):
    """The response to a join: the room as it is at (epoch, head).

    lease_s: how long, in seconds, a renewal keeps the client online. members: by name, at most
    `Settings.snapshot_members`; of more, those who are online are chosen first, then those who were seen last.
    receipts: by id of these users, the seq up to which each has read. messages: the latest, oldest first.
    """

    epoch: str
    head: int
    lease_s: float
    members: tuple[Member, ...]
    receipts: dict[str, int]
    messages: tuple[Event, ...]

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.head)


class LogIn(Struct, frozen=True):
    """A request for an account under a display name."""

    name: str


class Account(Struct, frozen=True):
    """The response to a log-in: a user id, and a signed token that proves it until expires_at_ms."""

    user: str
    name: str
    token: str
    expires_at_ms: int


class Command(Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="type"):
    """A command of a client. ref: matches a response to its command on a socket; unused over HTTP."""

    ref: int = 0


class Join(Command, frozen=True, tag="join"):
    """Enter a room, or come back to it.

    connection: chosen by the client, one per window or device. On a socket, the first frame: with the token, and
    with the cursor to resume `after`, if any.
    """

    connection: str
    token: str = ""
    after: str = ""


class Send(Command, frozen=True, tag="send"):
    client_id: str
    text: str


class Typing(Command, frozen=True, tag="typing"):
    active: bool = True


class MarkRead(Command, frozen=True, tag="mark_read"):
    up_to: int


class Leave(Command, frozen=True, tag="leave"):
    connection: str


class Heartbeat(Command, frozen=True, tag="heartbeat"):
    connection: str


class Ack(Struct, frozen=True, omit_defaults=True, tag="ack"):
    """The response to a command, once its event is committed. seq and at_ms are that event's; 0 if there was none."""

    ref: int = 0
    seq: int = 0
    at_ms: int = 0


class Head(Struct, frozen=True, tag="head"):
    """The response to a heartbeat: the cursor of the room's newest event. A client that is behind it reads."""

    epoch: str
    head: int

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.head)


class Refusal(Struct, frozen=True, omit_defaults=True, tag="error"):
    """The response to a refused request.

    error: a code of `servers.core.errors`; detail: for humans. retry_after_s: when to try again; 0 if that is unknown.
    """

    error: str
    detail: str
    ref: int = 0
    retry_after_s: float = 0.0


class ServiceAddress(Struct, frozen=True):
    """Where clients of the Pusher adapter find the push service, and under which public key.

    host: empty for the cluster's own. tls: on, unless the service is on this machine. channel_prefix: before the name
    of a room. silence_s: after how much silence a client reads; 0 if it sends heartbeats instead.
    """

    key: str
    cluster: str
    host: str
    port: int
    tls: bool
    channel_prefix: str = "private-room-"
    silence_s: float = 0.0

    @property
    def url(self) -> str:
        """Where a client opens its WebSocket."""
        scheme = "wss" if self.tls else "ws"
        host = self.host or f"ws-{self.cluster}.pusher.com"
        return f"{scheme}://{host}:{self.port}/app/{self.key}?protocol=7&client=push-or-poll&version=1.0"


class SignIn(Struct, frozen=True):
    """The data with which a client of the Pusher adapter signs in at the push service, signed by the API."""

    auth: str
    user_data: str


class SignedSubscription(Struct, frozen=True, omit_defaults=True):
    """The data with which a client subscribes to a room's channel, signed by the API.

    user: the sign-in, which lets the API disconnect an offline user. channel_data: the member, on a presence channel.
    """

    auth: str
    user: SignIn
    channel_data: str = ""


SocketCommand = Send | Typing | MarkRead | Leave
ServerFrame = Page | Ack | Refusal | Snapshot

encode = msgspec.json.encode
decode = msgspec.json.decode
decode_command = msgspec.json.Decoder(SocketCommand).decode
decode_first_frame = msgspec.json.Decoder(Join | SocketCommand).decode
decode_frame = msgspec.json.Decoder(ServerFrame).decode
"""Decoders for unions of types, built once: `decode` would build one for each frame, and take eight times as long."""
Undecodable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What `decode` raises for input that is not JSON of the expected type."""
