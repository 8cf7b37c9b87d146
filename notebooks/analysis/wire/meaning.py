"""What an utterance means, in the few words that a diagram has room for, and whose it is."""

import json
import re
from collections.abc import Iterable
from typing import Any

from notebooks.analysis.wire.anatomy import Utterance
from notebooks.analysis.wire.captures import CapturedConnection

NEWS = {
    ("message", ""): "new message",
    ("typing", "started"): "somebody types",
    ("typing", "stopped"): "typing stopped",
    ("presence", "online"): "user online",
    ("presence", "offline"): "user offline",
    ("receipt", ""): "read by another",
}
WISHES = {
    "login": "log in",
    "join": "join",
    "events": "any news?",
    "send": "send message",
    "typing": "I am typing",
    "mark_read": "I have read",
    "heartbeat": "still here",
    "leave": "goodbye",
    "auth": "may I listen?",
    "service": "where to listen?",
}
ANSWERS = {"ack": "accepted", "snapshot": "the room as it is", "head": "the log's end"}
PUSHER = {
    "pusher:connection_established": "connected",
    "pusher:subscribe": "subscribe",
    "pusher_internal:subscription_succeeded": "subscribed",
    "pusher:ping": "ping",
    "pusher:pong": "pong",
}
NOTHING = "no"


def meaning(said: Utterance) -> str:
    """Return what was said, as the source document's drawings put it."""
    match said.kind:
        case "handshake":
            return "keep this line open" if said.up else "101, line open"
        case "request":
            return _wish(said)
        case "frame" if said.head != "text":
            return said.head
        case "chunk":
            return _event(said.content)
        case "answer" if not said.content:
            return "answer begins"
        case _:
            return _told(_decoded(said.content))


def news(page: Any) -> str:
    """Return what a page tells, each kind of news once; `no` if nothing."""
    kinds = [(event["kind"], event["body"] if event["kind"] in ("typing", "presence") else "") for event in page]
    return ", ".join(dict.fromkeys(NEWS[kind] for kind in kinds)) or NOTHING


def lines_of(user: int, everything: Iterable[Utterance]) -> set[CapturedConnection]:
    """Return the lines of one user: those that bear their connection's id, their token, or their socket's id."""
    texts: dict[CapturedConnection, bytes] = {}
    for said in everything:
        texts[said.line] = texts.get(said.line, b"") + b"".join(part.data for part in said.parts)
    marks, found = {f"connection-{user}".encode()}, set[CapturedConnection]()
    for _ in range(3):  # the id leads to the token, and the token to the socket's id
        found = {line for line, text in texts.items() if any(mark in text for mark in marks)}
        for line in found:
            marks |= set(re.findall(rb"Bearer (\S+)", texts[line])) | set(
                re.findall(rb"socket_id=([\d.]+)", texts[line])
            )
    return {line for line in found if line.link.startswith("clients")}


def _wish(said: Utterance) -> str:
    path = said.head.split(" ")[1].partition("?")[0].split("/")
    if path[1] == "apps":
        return f"push this: {_told(json.loads(said.content))}"
    return WISHES.get(path[-1], path[-1])


def _event(event: bytes) -> str:
    """Return what one event of a stream tells; a comment, if it has no data."""
    data = b"".join(line.removeprefix(b"data: ") for line in event.splitlines() if line.startswith(b"data: "))
    if data:
        return _told(_decoded(data))
    return "comment" if event.startswith(b":") else "end of answer"


def _told(body: Any) -> str:
    if not body:
        return "accepted"
    match body:
        case {"event": event} if event in PUSHER:
            return PUSHER[event]
        case {"name": "page", "data": str(data)} | {"event": "page", "data": str(data)}:
            return _told(json.loads(data))
        case {"type": "page", "events": events}:
            return news(events)
        case {"type": str(kind)} if kind in ANSWERS:
            return ANSWERS[kind]
        case {"type": str(kind)} if kind in WISHES:
            return WISHES[kind]
    return "here you are"


def _decoded(text: bytes) -> Any:
    return json.loads(text) if text else None
