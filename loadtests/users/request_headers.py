"""The request headers that every request and every handshake carries, whatever the transport.

Teaches where polling's bytes go: a browser repeats half a kilobyte of headers with every request. A load generator's
own headers would be a fifth of that, and favour the transports that send many requests. Taken from Chrome on a page
of the same origin; Host, Content-Type, Content-Length, Authorization and the Sec-WebSocket fields are added where they
belong.
"""

import tomllib
from pathlib import Path

BROWSER_HEADERS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
