"""What a message on the wire means, in the few words that a diagram has room for, and whose it is."""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from notebooks.analysis.wire.captures import CapturedConnection
from notebooks.analysis.wire.parser import WireMessage

_TABLES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
EVENT_LABELS, REQUEST_LABELS, RESPONSE_LABELS, PUSHER = _TABLES.values()
NOTHING = "no"


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
        case "answer" if not message.content:
            return "answer begins"
        case _:
            return _json_label(message.content)


def page_label(page: Any) -> str:
    """Return the kinds of events in a page, each once; `no` if there are none."""
    kinds = [
        f"{each['kind']} {each['body']}" if each["kind"] in ("typing", "presence") else each["kind"] for each in page
    ]
    return ", ".join(dict.fromkeys(EVENT_LABELS[kind] for kind in kinds)) or NOTHING


def connections_of(user: int, messages: Iterable[WireMessage]) -> set[CapturedConnection]:
    """Return the connections of one user: those that carry their connection's id, their token, or their socket's id."""
    texts: dict[CapturedConnection, bytes] = {}
    for each in messages:
        texts[each.connection] = texts.get(each.connection, b"") + b"".join(part.data for part in each.parts)
    marks, found = {f"connection-{user}".encode()}, set[CapturedConnection]()
    for _ in range(3):  # the id leads to the token, and the token to the socket's id
        found = {connection for connection, text in texts.items() if any(mark in text for mark in marks)}
        for connection in found:
            marks |= set(re.findall(rb"Bearer (\S+)", texts[connection])) | set(
                re.findall(rb"socket_id=([\d.]+)", texts[connection])
            )
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
