"""How clients reach a server: in the clear, through TLS 1.3, or through TLS with HTTP/2.

Teaches where HTTP/2 is chosen: the browser offers it within the TLS handshake (ALPN, RFC 7301), and the server accepts
it (`servers/serving.py`, `servers/http2.py`); if the server names no protocol, the browser uses HTTP/1.1. The
certificates are made at the start. Only our own clients trust them: they read the authority's file, which OpenSSL's
variable SSL_CERT_FILE names. Leaves out HTTP/2 in the clear, which no browser speaks. Needs the optional dependency
group `links`.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from pathlib import Path

FOLDER_VARIABLE = "CHAT_CERTIFICATES"
"""The variable that names the folder of the certificates, for all processes of one server."""
AUTHORITY = "authority.pem"
SERVER = "server.pem"
NAMES = ("127.0.0.1", "localhost", "::1")


class Link(StrEnum):
    """What lies between a client and HTTP/1.1: nothing, TLS, or TLS with HTTP/2 in place of HTTP/1.1."""

    PLAIN = "plain"
    TLS = "tls"
    H2 = "h2"


@contextmanager
def issued_certificates(link: Link) -> Iterator[dict[str, str]]:
    """Issue certificates, kept until the block ends; yields the file of the authority that clients must trust.

    FOLDER_VARIABLE names the folder for child processes; if it is set already, the certificates there are used. A plain
    link has none. Raises RuntimeError without the dependency group.
    """
    if link is Link.PLAIN:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="certificates-") as temporary:
        folder = Path(os.environ.setdefault(FOLDER_VARIABLE, temporary))
        try:
            if not (folder / AUTHORITY).exists():
                _issue(folder)
            yield {"authority": str(folder / AUTHORITY)}
        finally:
            if os.environ[FOLDER_VARIABLE] == temporary:
                del os.environ[FOLDER_VARIABLE]


def certificate_file() -> Path:
    """Return the file of the server's certificate, with its key."""
    return Path(os.environ[FOLDER_VARIABLE]) / SERVER


def client_tls_context() -> ssl.SSLContext:
    """Return a TLS context for clients, which trusts our own servers' certificates only."""
    return ssl.create_default_context(cafile=Path(os.environ[FOLDER_VARIABLE]) / AUTHORITY)


def _issue(folder: Path) -> None:
    """Write a new authority's certificate, and a server certificate with its key, into a folder."""
    try:
        trustme = import_module("trustme")
    except ImportError as error:
        raise RuntimeError(f"--link: this needs {error.name}; `sh .ci/setup links` installs it") from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(folder / SERVER)
    authority.cert_pem.write_to_path(folder / AUTHORITY)
