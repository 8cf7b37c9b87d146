"""nchan's message ids and responses, as our sequence numbers and pages.

Teaches that a cursor is a cursor, whoever wrote the server: nchan names a message by its second and its place within
that second, `1763853196:2`, which is a total order of a room's messages. There are gaps between them, which does not
matter: accounting compares who had which message, and in which order. Pure.
"""

from email.utils import parsedate_to_datetime

from servers.core.wire import Cursor, Event, Kind, Page, Send, decode

EPOCH = "nchan"
PLACE_BITS = 20
START = Cursor(EPOCH, 0)  # before the oldest message that is kept


def to_seq(message_id: str) -> int:
    """Return the sequence number that stands for `<second>:<place>`; raise ValueError for anything else."""
    second, _, place = message_id.partition(":")
    return int(second) << PLACE_BITS | int(place)


def to_message_id(seq: int) -> str:
    """Return `<second>:<place>`."""
    return f"{seq >> PLACE_BITS}:{seq & (1 << PLACE_BITS) - 1}"


def of_headers(last_modified: str, etag: str) -> str:
    """Return the message id that an HTTP response has in two of its headers."""
    return f"{parsedate_to_datetime(last_modified).timestamp():.0f}:{etag}"


def page_of(room: str, after: Cursor, message_id: str, body: bytes) -> Page:
    """Return a page with one message; its body is the Send that was published."""
    seq, message = to_seq(message_id), decode(body, type=Send)
    sender = message.client_id.partition("-")[0]
    at_ms = 1000 * (seq >> PLACE_BITS)
    event = Event(room, seq, Kind.MESSAGE, sender, sender, message.text, at_ms, message.client_id)
    return Page(EPOCH, after.seq, seq, (event,))


def empty_page(after: Cursor) -> Page:
    """Return a page without events."""
    return Page(EPOCH, after.seq, after.seq, ())


def page_of_frame(room: str, after: Cursor, frame: bytes) -> Page:
    """Read a frame of the subprotocol `ws+meta.nchan`: headers, an empty line, the message."""
    head, _, body = frame.partition(b"\n\n")
    (message_id,) = (line[4:].decode() for line in head.splitlines() if line.startswith(b"id: "))
    return page_of(room, after, message_id, body)
