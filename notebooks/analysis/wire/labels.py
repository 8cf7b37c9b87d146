"""Short labels for messages on the wire, as a diagram needs them; which user a message belongs to, and its request."""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notebooks.analysis.runs import BrokenRun
from notebooks.analysis.wire.captures import Capture, CapturedConnection, WireMessage, wire_messages

_TABLES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
EVENT_LABELS, REQUEST_LABELS, RESPONSE_LABELS, PUSHER = _TABLES.values()
NOTHING = "no"
READER = 1
MESSAGE = EVENT_LABELS["message"]
PUBLISHING = "API to push service"


def label(message: WireMessage) -> str:
    """Return what a message says, in the style of the source document's drawings."""
    match message.kind:
        case "handshake":
            return "keep this line open" if message.up else "101, line open"
        case "request":
            return _request_label(message)
        case "frame" if message.head != "text":
            return message.head
        case "chunk":
            return _event_label(message.content)
        case "response" if not message.content:
            return "answer begins"
        case _:
            return _json_label(message.content)


def page_label(page: Any) -> str:
    """Return the kinds of events in a page, each once; `no` if there are none."""
    with_body = ("typing", "presence")
    kinds = [f"{event['kind']} {event['body']}" if event["kind"] in with_body else event["kind"] for event in page]
    return ", ".join(dict.fromkeys(EVENT_LABELS[kind] for kind in kinds)) or NOTHING


def connections_of(user: int, messages: Iterable[WireMessage]) -> set[CapturedConnection]:
    """Return the connections of one user: those that carry their connection's id, their token, or their socket's id."""
    texts: dict[CapturedConnection, bytes] = {}
    for message in messages:
        texts[message.connection] = texts.get(message.connection, b"") + b"".join(part.data for part in message.parts)
    marks = {f"connection-{user}".encode()}
    found: set[CapturedConnection] = set()
    for _ in range(3):  # the id leads to the token, and the token to the socket's id
        found = {connection for connection, text in texts.items() if any(mark in text for mark in marks)}
        for connection in found:
            for pattern in (rb"Bearer (\S+)", rb"socket_id=([\d.]+)"):
                marks |= set(re.findall(pattern, texts[connection]))
    return {connection for connection in found if connection.link.startswith("clients")}


def _request_label(request: WireMessage) -> str:
    path = request.head.split(" ")[1].partition("?")[0].split("/")
    if path[1] == "apps":
        return f"push this: {_json_label(request.content)}"
    return REQUEST_LABELS.get(path[-1], path[-1])


def _event_label(event: bytes) -> str:
    """Return the label of one event of a stream; a comment has no data."""
    data = b"".join(line.removeprefix(b"data: ") for line in event.splitlines() if line.startswith(b"data: "))
    if data:
        return _json_label(data)
    return "comment" if event.startswith(b":") else "end of answer"


def _json_label(text: bytes | str) -> str:
    body = json.loads(text) if text else None
    if not body:
        return "accepted"
    match body:
        case {"event": event} if event in PUSHER:
            return PUSHER[event]
        case {"name": "page", "data": str(data)} | {"event": "page", "data": str(data)}:
            return _json_label(data)
        case {"type": "page", "events": events}:
            return page_label(events)
        case {"type": str(kind)} if kind in RESPONSE_LABELS:
            return RESPONSE_LABELS[kind]
        case {"type": str(kind)} if kind in REQUEST_LABELS:
            return REQUEST_LABELS[kind]
    return "here you are"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The messages on the wire for one purpose, in order, and how much of them is content."""

    slug: str
    messages: tuple[WireMessage, ...]

    @property
    def size(self) -> int:
        return sum(message.size for message in self.messages)

    @property
    def content_bytes(self) -> int:
        return sum(len(message.content) for message in self.messages)

    @property
    def overhead_bytes(self) -> int:
        return self.size - self.content_bytes


def one_message(capture: Capture) -> Exchange:
    """Return the exchange of the first chat message that came alone: its request, if polled, and its publishing."""
    messages = wire_messages(capture)
    found = _first(capture, messages, MESSAGE)
    before = [message for message in messages if message.at_s < found.at_s]
    posts = [message for message in before if message.up and message.connection.link == PUBLISHING]
    published = _with_response(messages, posts[-1]) if posts else []
    return Exchange(capture.slug, (*published, *request_of(messages, found), found))


def empty_poll(capture: Capture) -> Exchange:
    """Return a request with an empty response; raise BrokenRun where there was none."""
    messages = wire_messages(capture)
    found = _first(capture, messages, NOTHING)
    return Exchange(capture.slug, (*request_of(messages, found), found))


def _first(capture: Capture, messages: Sequence[WireMessage], wanted: str) -> WireMessage:
    """Return the reader's first message in the window that has this label and one event at most; raise BrokenRun."""
    own = connections_of(READER, messages)
    for message in messages:
        is_received = message.connection in own and not message.up and message.at_s >= 0
        if is_received and message.content.count(b"kind") <= 1 and label(message) == wanted:
            return message
    raise BrokenRun(f"the capture of {capture.slug} holds no response that says: {wanted}")


def request_of(messages: Sequence[WireMessage], response: WireMessage) -> list[WireMessage]:
    """Return the request of a response; nothing for a message that was pushed."""
    if response.kind != "response":
        return []
    up = [message for message in messages if message.up and message.connection == response.connection]
    return [message for message in up if message.at_s <= response.at_s][-1:]


def _with_response(messages: Sequence[WireMessage], request: WireMessage) -> list[WireMessage]:
    """Return a request with its response, which follows on the same connection."""
    down = [message for message in messages if message.connection == request.connection and not message.up]
    return [request, *[message for message in down if message.at_s >= request.at_s][:1]]
