"""Which messages on the wire bring one chat message to a reader, and which bring nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from notebooks.analysis.runs import BrokenRun
from notebooks.analysis.wire.captures import Capture
from notebooks.analysis.wire.labels import EVENT_LABELS, NOTHING, connections_of, label
from notebooks.analysis.wire.parser import WireMessage, wire_messages

READER = 1
MESSAGE = EVENT_LABELS["message"]
PUBLISHING = "API to push service"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The messages on the wire for one purpose, in order, and how much of them is content."""

    slug: str
    messages: tuple[WireMessage, ...]

    @property
    def size(self) -> int:
        return sum(each.size for each in self.messages)

    @property
    def content_bytes(self) -> int:
        return sum(len(each.content) for each in self.messages)

    @property
    def overhead_bytes(self) -> int:
        return self.size - self.content_bytes


def one_message(capture: Capture) -> Exchange:
    """Return what brought the first chat message that came alone: with its request, if polled, and its publishing."""
    messages = wire_messages(capture)
    found = _first(capture, messages, MESSAGE)
    posts = [each for each in messages if each.connection.link == PUBLISHING and each.at_s < found.at_s and each.up]
    published = _with_response(messages, posts[-1]) if posts else []
    return Exchange(capture.slug, (*published, *request_of(messages, found), found))


def empty_poll(capture: Capture) -> Exchange:
    """Return a request with an empty response; raise BrokenRun where there was none."""
    messages = wire_messages(capture)
    found = _first(capture, messages, NOTHING)
    return Exchange(capture.slug, (*request_of(messages, found), found))


def _first(capture: Capture, messages: Sequence[WireMessage], wanted: str) -> WireMessage:
    own = connections_of(READER, messages)
    for each in messages:
        is_alone = each.content.count(b"kind") <= 1
        if not each.up and each.at_s >= 0 and each.connection in own and label(each) == wanted and is_alone:
            return each
    raise BrokenRun(f"the capture of {capture.slug} holds no response that says: {wanted}")


def request_of(messages: Sequence[WireMessage], response: WireMessage) -> list[WireMessage]:
    """Return the request of a response; nothing for a message that was pushed."""
    before = [
        each for each in messages if each.connection == response.connection and each.up and each.at_s <= response.at_s
    ]
    return before[-1:] if response.kind == "answer" else []


def _with_response(messages: Sequence[WireMessage], request: WireMessage) -> list[WireMessage]:
    """Return a request with its response, which follows on the same connection."""
    after = [each for each in messages if each.connection == request.connection and each.at_s >= request.at_s]
    return [request, *[each for each in after if not each.up][:1]]
