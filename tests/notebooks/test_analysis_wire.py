"""Captures are parsed: every byte belongs to one part, frames are unmasked, and each message has its label."""

import json
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from notebooks.analysis.runs import BrokenRun
from notebooks.analysis.wire.captures import Capture, captures, wire_messages
from notebooks.analysis.wire.labels import connections_of, empty_poll, label, one_message
from results.schema import CAPTURES_FILE

PAGE = b'{"type":"page","epoch":"e","after":0,"next":1,"events":[{"kind":"message","body":"hi"}]}'
EMPTY = b'{"type":"page","epoch":"e","after":0,"next":0,"events":[]}'
POLL = b"GET /rooms/room-0/events?after=e.0&connection=connection-1 HTTP/1.1\r\nAuthorization: Bearer t1\r\n\r\n"
UPGRADE = b"GET /rooms/room-0/socket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
JOIN = b'{"type":"join","connection":"connection-1"}'


def response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, mask: bool = False) -> bytes:
    return Frame(opcode, payload).serialize(mask=mask)


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
OPENED = (True, -1.0, UPGRADE), (False, -0.9, UPGRADED), (True, -0.8, frame(JOIN, mask=True))


def recorded(folder: Path, slug: str, *parts: tuple[bool, float, bytes], one_connection_each: bool = False) -> Capture:
    """Write a capture, as the load tests do, and read it."""
    pieces = []
    for number, (up, at_s, data) in enumerate(parts):
        piece = {
            "connection": number if one_connection_each else 0,
            "up": up,
            "at_s": at_s,
            "data": str(data, "latin-1"),
        }
        pieces.append({"link": "clients to API", **piece})
    path = folder / CAPTURES_FILE
    path.write_text(json.dumps({"transports": {slug: pieces}}), encoding="utf-8")
    return captures(path)[slug]


def test_requests_and_responses_are_separated_however_tcp_cut_them(tmp_path: Path) -> None:
    whole = response(EMPTY)
    polled = recorded(
        tmp_path, "short_polling", (True, 1.0, POLL[:30]), (True, 1.1, POLL[30:]), (False, 1.2, whole[:50]),
        (False, 1.3, whole[50:]), (True, 3.0, POLL), (False, 3.1, response(PAGE)),
    )  # fmt: skip
    messages = wire_messages(polled)
    assert [(each.kind, each.at_s, label(each)) for each in messages] == [
        ("request", 1.0, "any news?"),
        ("response", 1.2, "no"),
        ("request", 3.0, "any news?"),
        ("response", 3.1, "new message"),
    ]
    assert sum(each.size for each in messages) == 2 * len(POLL) + len(whole) + len(response(PAGE))
    assert [one_message(polled).size, empty_poll(polled).size] == [len(POLL + response(PAGE)), len(POLL + whole)]
    assert one_message(polled).content_bytes == len(PAGE)


def test_frames_are_unmasked_and_every_part_of_them_is_counted(tmp_path: Path) -> None:
    command = b'{"type":"send","client_id":"1-0","text":"hi"}'
    received = frame(PAGE * 2, Opcode.BINARY) + frame(b"", Opcode.PING) + frame(PAGE * 800)
    talk = (True, 1.0, frame(command, mask=True)), (False, 1.1, received)
    messages = wire_messages(recorded(tmp_path, "raw_websocket", *OPENED, *talk))
    assert [each.head for each in messages[3:]] == ["text", "binary", "ping", "text"]
    assert [label(each) for each in messages[:4]] == ["keep this line open", "101, line open", "join", "send message"]
    assert [part.name for part in messages[3].parts] == ["frame header", "masking key", "payload"]
    assert messages[3].content == command
    # RFC 6455, section 5.2: a length beyond 125 takes 2 further bytes of the header, one beyond 65,535 takes 8
    assert [len(part.data) for part in messages[4].parts] == [2 + 2, 2 * len(PAGE)]
    assert [len(part.data) for part in messages[6].parts] == [2 + 8, 800 * len(PAGE)]


def test_a_streaming_response_is_labelled_event_by_event_and_an_event_needs_no_request(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    event = b"id: e.1\ndata: " + PAGE + b"\n\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (b": ping\n\n", event))
    streamed = recorded(tmp_path, "server_sent_events", (True, 0.0, POLL), (False, 0.1, head), (False, 0.2, chunks))
    messages = wire_messages(streamed)
    assert [(each.kind, label(each)) for each in messages[2:]] == [("chunk", "comment"), ("chunk", "new message")]
    assert sum(each.size for each in messages) == len(POLL) + len(head) + len(chunks)
    assert one_message(streamed).messages == (messages[-1],)
    with pytest.raises(BrokenRun, match="no response that says: no"):
        empty_poll(streamed)


def test_a_users_connections_are_found_by_connection_and_token(tmp_path: Path) -> None:
    send = b"POST /rooms/room-0/send HTTP/1.1\r\nAuthorization: Bearer t1\r\nContent-Length: 0\r\n\r\n"
    parts = [(True, 0.0, each) for each in (POLL, send, send.replace(b"t1", b"t2"))]
    own = connections_of(1, wire_messages(recorded(tmp_path, "long_polling", *parts, one_connection_each=True)))
    assert {connection.number for connection in own} == {0, 1}
