"""Whatever bytes a peer sends, no listener responds that it has failed (500, 502 to 504), and none logs a traceback."""

import asyncio
import json
import re
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple

import pytest

from servers.deploy.child_process import started
from servers.deploy.relay import Relay
from servers.transports import TRANSPORTS
from tests.support.bad_heads import MALFORMED, TOO_LONG
from tests.support.deadline import DEADLINE_S
from tests.support.engines import Engines
from tests.support.guest import until_logins_are_answered
from tests.support.listener import UPGRADE
from tests.support.nginx import balancer
from tests.support.pusher_process import ENV

COMMANDS = {
    **{row.slug: ["servers", row.slug, "--web", "clients/web"] for row in TRANSPORTS},
    "push service": ["servers.pusher_service"],
    "demo": ["servers.demo"],
    "serverless host": ["servers.deploy.serverless", "raw_websocket", "--profile", "fluid-2026", "--instances", "1"],
    "remote API": ["servers", "deploy", "separate-websocket-server"],
}


def get(path: bytes, *fields: bytes, host: bytes = b"127.0.0.1", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *fields, b"\r\n"])


def post(path: bytes, body: bytes, *fields: bytes) -> bytes:
    return get(path, b"Content-Length: %d" % len(body), *fields, method=b"POST") + body


SIGNATURE = b"auth_key=%b&auth_version=1.0&auth_signature=%%ff&auth_timestamp=%%ff" % ENV["PUSHER_KEY"].encode()
JSON = b"Content-Type: application/json"
REQUESTS = {
    "HTTP/1.0 without a host": b"GET /health HTTP/1.0\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a host that is none": get(b"/", host=b"localhost:99999999"),
    "a host in Latin-1": get(b"/health", host=b"\xf6"),
    "an origin in Latin-1": get(b"/health", b"Origin: http://\xf6"),
    "a log-in with a token in Latin-1": post(b"/login", b'{"name": "Ada"}', b"Authorization: Bearer \xf6"),
    "a token in Latin-1": post(b"/rooms/x/send", b"{}", b"Authorization: Bearer \xf6"),
    "a token with control characters": post(b"/rooms/x/send", b"{}", b"Authorization: Bearer \x01"),
    "a type in Latin-1": post(b"/rooms/x/send", b"{}", b"Content-Type: \xff\xfe"),
    "a secret in Latin-1": post(b"/control", b"{}", b"Origin: http://127.0.0.1", JSON, b"X-Secret: \xf6"),
    "a room that leads elsewhere": get(b"/rooms/../stats"),
    "the same, escaped": get(b"/rooms/%2e%2e/history"),
    "a room that is no UTF-8": get(b"/rooms/%ff/history?before=%ff"),
    "a room that is NUL": get(b"/rooms/%00/events?after=%00.1&connection=%00"),
    "a control character in the query": get(b"/rooms/x/history?limit=\x7f"),
    "a file that is NUL": get(b"/web/%00"),
    "a page that is NUL": get(b"/%00"),
    "a long file": get(b"/web/" + b"a" * 5_000),
    "a range that is none": get(b"/web/chat.html", b"Range: bytes=\xff-", b"If-Range: \xff"),
    "a date that is none": get(b"/web/chat.html", b"If-Modified-Since: Mon, 99 Foo 99999999999 99:99:99 GMT"),
    "an address as its target": get(b"http://[/health"),
    "no path": get(b"//[/health"),
    "CONNECT": get(b"127.0.0.1:80", method=b"CONNECT"),
    "OPTIONS": get(b"*", method=b"OPTIONS"),
    "HEAD": get(b"/rooms/x/events", method=b"HEAD"),
    "a form that is no UTF-8": post(b"/pusher/auth", b"\xff%\xff"),
    "a signature that is no UTF-8": post(b"/apps/%b/events?%b" % (ENV["PUSHER_APP_ID"].encode(), SIGNATURE), b""),
    "channels of NUL": get(b"/apps/%00/channels/%ed%a0%80/users"),
    "an endless length": get(b"/login", b"Content-Length: 99999999999999999999999", method=b"POST"),
    "unknown transfer coding": get(b"/login", b"Transfer-Encoding: gzip, chunked", method=b"POST") + b"0\r\n\r\n",
}
HANDSHAKE = UPGRADE.format("/rooms/x/socket").encode()
CUT = {
    **{
        f"half a body for {path}": get(path.encode(), b"Content-Length: 100", method=b"POST") + b"{"
        for path in ("/login", "/rooms/x/send", "/pusher/auth", "/control", f"/apps/{ENV['PUSHER_APP_ID']}/events")
    },
    "half a chunk": get(b"/login", b"Transfer-Encoding: chunked", method=b"POST") + b"5\r\nab",
    # As many as an instance serves at once.
    **{f"an upgrade with a body, {nth}": HANDSHAKE + b"Content-Length: 5\r\n\r\nhello" for nth in range(4)},
    "an upgrade without a key": HANDSHAKE.replace(b"-Key: A", b"-Key: \xff") + b"\r\n",
    "an upgrade to nothing": UPGRADE.format("/nowhere").encode() + b"\r\n",
}


def frame(payload: bytes, first: int = 0x81, mask: int = 0x80) -> bytes:
    """Return a frame of up to 125 bytes, or of 64 KB at most, whose mask changes nothing (RFC 6455, section 5.2)."""
    long = len(payload) > 125
    length = struct.pack(">BH", mask | 126, len(payload)) if long else bytes([mask | len(payload)])
    return bytes([first]) + length + (bytes(4) if mask else b"") + payload


FRAMES = {
    "text that is no UTF-8": frame(b"\xff"),
    "the same after what is no join": frame(b"{}") + frame(b"\xff"),
    "the same in two fragments": frame(b"\xff", first=0x01) + frame(b"\xff", first=0x80),
    "a token that is half a pair": frame(b'{"type": "join", "connection": "c", "token": "\\ud800"}'),
    "bytes": frame(b"\xff", first=0x82),
    "a frame that is too deep": frame(b"[" * 30_000),
    "a frame without its mask": frame(b"{}", mask=0),
    "a frame that is reserved": frame(b"{}", first=0xF1),
    "a fragment of nothing": frame(b"{}", first=0x80),
    "half a ping": frame(b"", first=0x09),
    "half a close code": frame(b"\x03", first=0x88),
    "a close code that is none, and more": frame(b"\x00\x01", first=0x88) + frame(b"\xff"),
    "a length beyond all limits": b"\x81\xff\x7f" + b"\xff" * 11,
    "a channel of NUL": frame(json.dumps({"event": "pusher:subscribe", "data": {"channel": "\0"}}).encode()),
    "data that is no string": frame(b'{"event": "pusher:unsubscribe", "data": "\\ud83d"}'),
}


@asynccontextmanager
async def ports_of(name: str, engines: Engines) -> AsyncIterator[dict[str, int]]:
    """Run a listener until the block ends, one of them with two proxies before it; yield the port of each, by name."""
    command = [*COMMANDS[name], "--port", "0"]
    if name == "remote API":
        command += ["--store", engines.fresh_url("redis")]
    env = ENV if name == "push service" else {"CHAT_SECRET": "secret"}
    async with AsyncExitStack() as stack:
        address = stack.enter_context(started(command, env)).address
        await until_logins_are_answered(address)
        addresses = {name: address}
        if name == "raw_websocket":
            addresses["nginx"] = stack.enter_context(balancer(name, [address]))
            addresses["relay"] = (await stack.enter_async_context(Relay(lambda: address))).address
        yield {listener: int(address.rpartition(":")[2]) for listener, address in addresses.items()}


class Conversation(NamedTuple):
    """What a peer sends: bytes, then frames once a socket is open. hangs_up: whether it then ends its side."""

    sent: bytes
    frames: bytes = b""
    hangs_up: bool = True


def conversations(listener: str) -> dict[str, Conversation]:
    """Return all that a listener is sent, by name."""
    path = f"/app/{ENV['PUSHER_KEY']}?protocol=7" if listener == "push service" else "/rooms/x/socket"
    handshake = UPGRADE.format(path).encode() + b"\r\n"
    return {
        **{name: Conversation(sent, hangs_up=False) for name, sent in REQUESTS.items()},
        **{name: Conversation(sent) for name, sent in CUT.items()},
        **{name: Conversation(handshake, frames) for name, frames in FRAMES.items()},
    }


async def response_to(port: int, said: Conversation) -> bytes:
    """Return all that comes until the listener closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    async with asyncio.timeout(DEADLINE_S):
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(said.sent)
            if said.frames:
                received = await reader.readuntil(b"\r\n\r\n")
                writer.write(said.frames)
            if said.hangs_up:
                writer.write_eof()
            received += await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return received


async def status_of(port: int, request: bytes) -> bytes:
    return (await response_to(port, Conversation(request, hangs_up=False))).split()[1]


async def attack(listener: str, port: int) -> None:
    """Send a listener everything, and check what it responds."""
    if listener in COMMANDS:
        expected = dict.fromkeys(TOO_LONG, b"431") | dict.fromkeys(MALFORMED, b"400")
        assert {name: await status_of(port, head) for name, head in (TOO_LONG | MALFORMED).items()} == expected
    responses = {name: await response_to(port, said) for name, said in conversations(listener).items()}
    rebound = await status_of(port, get(b"/stats", host=b"evil.example"))
    async with asyncio.timeout(DEADLINE_S):  # an instance may still be ending the broken requests
        while await status_of(port, get(b"/")) == b"429":
            pass
    assert [name for name, response in responses.items() if re.match(rb"HTTP/1.1 50[0234]", response)] == []
    assert [name for name in REQUESTS if not responses[name]] == []
    assert rebound == b"403"
    assert responses["a room that leads elsewhere"].split()[1] == b"404"


@pytest.mark.process
@pytest.mark.parametrize("name", COMMANDS)
async def test_no_bytes_of_a_peer_make_a_listener_fail_nor_a_proxy_before_it(
    name: str, engines: Engines, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with ports_of(name, engines) as ports:
        for listener, port in ports.items():
            await attack(listener, port)
    assert "Traceback" not in capfd.readouterr().err + caplog.text
