"""Heads of requests that a listener must refuse: those over its limit, and those that are malformed."""

from servers.connection_limits import ConnectionLimits

HEAD_MAX = ConnectionLimits().head_bytes_max
START = b"GET /held HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /held HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n\r\n"
TOO_LONG = {
    "many lines": START + b"a:\r\n" * HEAD_MAX,
    "one line": START + b"a: " + b"b" * HEAD_MAX,
    "one name": START + b"a" * HEAD_MAX,
    "the target": b"GET /" + b"a" * HEAD_MAX,
    "empty lines": b"\r\n" * HEAD_MAX,
}
MALFORMED = {
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "no colon": START + b"nonsense\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length and chunks": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"0\r\n\r\n",
}
