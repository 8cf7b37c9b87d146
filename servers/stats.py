"""Read the counters of a server: `GET /stats`, on a connection of its own.

Teaches that a reading must not change what it reads: a server leaves these requests out of what it counts (see
`servers.wire_bytes`).
"""

import json
import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

RESPONSE_S = 10.0


def read_stats(address: str, path: str = "/stats", authority: str = "") -> dict[str, Any]:
    """Return the counters; waits for them, and raises OSError, HTTPException or ValueError if none come.

    authority: the file of the one that has signed the server's certificate; empty without TLS.
    """
    at = urlsplit(address).netloc
    if authority:
        tls = ssl.create_default_context(cafile=authority)
        connection: HTTPConnection = HTTPSConnection(at, timeout=RESPONSE_S, context=tls)
    else:
        connection = HTTPConnection(at, timeout=RESPONSE_S)
    with closing(connection):
        connection.request("GET", path, headers={"Connection": "close"})
        counters: dict[str, Any] = json.load(connection.getresponse())
        return counters
