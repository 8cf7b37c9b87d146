"""What the fuzzer sends, as strategies of hypothesis over the types of the routes: about two thirds are valid.

An invalid input has fields of another type, is no JSON or no HTTP, or has an unknown method, path or header. The
session that sends an input replaces `@token@`, `@secret@` and `@window@` in it by its own values.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from hypothesis import strategies as st
from pusher.http import Request as SignedRequest

from servers.core import wire
from servers.demo.commands import OF_A_WINDOW, OF_ALL_WINDOWS
from servers.demo.controller import DELAY_MS_MAX
from servers.transports import TRANSPORTS
from tests.support.pusher_harness import CREDENTIALS

ROOMS = ("a", "b", "c")
CONNECTIONS = ("one", "two")


class Request(NamedTuple):
    """One HTTP request."""

    method: str
    target: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Frame(NamedTuple):
    """One frame of a WebSocket. is_first: sent on a new socket, in place of what opens a session there."""

    data: bytes
    is_text: bool = True
    is_first: bool = False


Input = Request | Frame | bytes
Inputs = st.SearchStrategy[Any]
MessageType = Any  # a class of msgspec.Struct

WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
VALID: dict[str, Inputs] = {
    "connection": st.sampled_from(CONNECTIONS),
    "text": st.text(min_size=1, max_size=200),
    "active": st.booleans(),
    "up_to": st.integers(0, 1000),
    "ref": st.integers(0, 1 << 40),
    "token": st.just("@token@"),
    "after": st.just(""),
    "window": st.just("@window@"),
    "delay_ms": st.floats(0, DELAY_MS_MAX),
    "is_cut": st.booleans(),
    "lane": st.sampled_from([row.slug for row in TRANSPORTS if not row.is_addition]),
}


def valid(kind: MessageType) -> Inputs:
    """Return valid messages of a type, as JSON."""
    fields = {field.encode_name: VALID.get(field.name, WORD) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields).map(wire.encode)


def invalid(kind: MessageType) -> Inputs:
    """Return messages with fields of any type, and bytes that are no message; few are valid by chance."""
    tag = {"type": st.just(kind.__struct_config__.tag)}
    fields = st.fixed_dictionaries(tag, optional={field.name: JSON for field in msgspec.structs.fields(kind)})
    return fields.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=300) | JSON.map(wire.encode)


def equally(strategies: Iterable[Inputs]) -> Inputs:
    """Draw from each strategy equally often, which `st.one_of` does not: it counts what each is made of."""
    choices = list(strategies)
    return st.sampled_from(range(len(choices))).flatmap(choices.__getitem__)


def mixed(kinds: Iterable[MessageType]) -> Inputs:
    """Return messages of these types, three quarters of them valid."""
    return equally(strategy for kind in kinds for strategy in (*[valid(kind)] * 3, invalid(kind)))


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Authorization", "Content-Type", "Origin", "Host", "Accept", "Last-Event-ID", "X-Secret"]),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
    ),
    max_size=2,
).map(tuple)
SEGMENT = st.sampled_from(["rooms", "a", "..", "%2e%2e", "%00", "send", "stats", "host", "login", "events"]) | st.text()
TARGET = st.lists(SEGMENT, max_size=4).map(lambda parts: "/" + quote("/".join(parts), safe="/%?&=@"))
METHOD = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
ANY_HTTP: Inputs = st.builds(Request, METHOD, TARGET, st.binary(max_size=100), HEADERS)
PAGE = "Host: @host@\r\nOrigin: @origin@\r\nContent-Type: application/json\r\nX-Secret: @secret@"
HALF = f"POST {{}} HTTP/1.1\r\n{PAGE}\r\nContent-Length: 999\r\n\r\n"
HEADS = [b"", b"GET / HTTP/1.0\r\n", *(HALF.format(path).encode() for path in ("/login", "/control", "/apps/7/events"))]
NO_HTTP: Inputs = st.builds(lambda head, rest: head + rest, st.sampled_from(HEADS), st.binary(max_size=200))
OTHER: list[Inputs] = [ANY_HTTP | NO_HTTP]

BEARER = (("Authorization", "Bearer @token@"),)
ROOM = st.sampled_from(ROOMS)


def command(kind: MessageType) -> Inputs:
    """Return the POST of a command in a room."""
    target = ROOM.map(lambda room: f"/rooms/{room}/{kind.__struct_config__.tag}")
    return st.builds(Request, st.just("POST"), target, mixed([kind]), st.just(BEARER))


COMMANDS = (wire.Send, wire.Send, wire.Send, wire.Typing, wire.MarkRead, wire.Leave)
AFTER = (st.just("@cursor@") | WORD).map(lambda after: f"events?connection=one&after={quote(after, safe='@')}")
READ = st.one_of(AFTER, st.just("history"), st.integers().map(lambda before: f"history?before={before}"))
CHAT: list[Inputs] = [
    *map(command, (*COMMANDS, wire.Join, wire.Join, wire.Heartbeat)),
    st.builds(Request, st.just("POST"), st.just("/login"), mixed([wire.LogIn]), st.just(())),
    st.builds(lambda room, read: Request("GET", f"/rooms/{room}/{read}", b"", BEARER), ROOM, READ),
    st.sampled_from(["/health", "/stats"]).map(lambda target: Request("GET", target)),
    *OTHER,
]
IS_TEXT = st.sampled_from([True] * 9 + [False])
CHAT_FRAMES: list[Inputs] = [
    *[st.builds(Frame, mixed(COMMANDS), IS_TEXT)] * 3,
    st.builds(Frame, mixed([wire.Join]), IS_TEXT, st.just(True)),
]

CHANNEL = st.builds(
    lambda kind, word: f"{kind}{word}", st.sampled_from(["", "private-", "presence-"]), st.sampled_from("abcdefgh")
)


def pusher_frame(event: str, channel: str, user: str) -> Frame:
    """Return a client's frame; the session signs the subscription."""
    data: dict[str, Any] = {"channel": channel} if event.startswith("pusher:") else {"text": user}
    if channel.startswith("presence-") and event == "pusher:subscribe":
        data["user"] = {"user_id": user}
    return Frame(json.dumps({"event": event, "channel": channel, "data": data}).encode())


EVENTS = st.sampled_from(["pusher:subscribe", "pusher:unsubscribe", "pusher:ping", "pusher:pong"])
PUSHER_JSON = st.fixed_dictionaries({"event": EVENTS | st.text()}, optional={"data": JSON, "channel": JSON})
PUSHER_FRAMES: list[Inputs] = [
    *[st.builds(pusher_frame, EVENTS, CHANNEL, WORD)] * 3,
    st.builds(pusher_frame, st.just("client-typing"), CHANNEL, WORD),
    (PUSHER_JSON | JSON).map(lambda value: Frame(json.dumps(value).encode()))
    | st.builds(Frame, st.binary(max_size=100), st.booleans()),
]


def signed(method: str, path: str, params: Any) -> Request:
    """Return a call of the push service's API, signed as PyPI's `pusher` does."""
    call = SignedRequest(CREDENTIALS, method, f"/apps/{CREDENTIALS.app_id}/{path}", params)
    return Request(method, call.signed_path, call.body)


EVENT = st.fixed_dictionaries({"name": WORD, "data": st.text(max_size=200), "channel": CHANNEL})
LOOSE = st.fixed_dictionaries({"name": WORD | JSON, "data": JSON}, optional={"channels": JSON, "info": JSON})
BATCH = st.lists(EVENT, max_size=11).map(lambda batch: {"batch": batch})
USERS = {"filter_by_prefix": "presence-", "info": "user_count"}
INFO = st.sampled_from([{}, {}, {"info": "subscription_count"}, USERS])
PUSHER_API: list[Inputs] = [
    *[EVENT.map(lambda event: signed("POST", "events", event))] * 4,
    LOOSE.map(lambda value: signed("POST", "events", value)),
    BATCH.map(lambda batch: signed("POST", "batch_events", batch)),
    INFO.map(lambda info: signed("GET", "channels", dict(info))),
    st.builds(lambda name, info: signed("GET", f"channels/{name}", dict(info)), CHANNEL, INFO),
    CHANNEL.map(lambda name: signed("GET", f"channels/{name}/users", {})),
    *OTHER,
]

PAGES = ("/", "/index.html", "/chat.html", "/counters?window=@window@", "/favicon.ico")
CONTROL = (("Content-Type", "application/json"), ("Origin", "@origin@"), ("X-Secret", "@secret@"))
SLOW = st.one_of(list(map(invalid, OF_ALL_WINDOWS)))  # valid ones would start processes
DEMO: list[Inputs] = [
    *[st.builds(Request, st.just("POST"), st.just("/control"), mixed(OF_A_WINDOW), st.just(CONTROL))] * 6,
    *[st.sampled_from(PAGES).map(lambda target: Request("GET", target))] * 4,
    st.builds(Request, st.just("POST"), st.just("/control"), SLOW, st.just(CONTROL)),
    *OTHER,
]
