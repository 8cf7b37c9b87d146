"""Certificates that servers under test use, and that clients of the test's own process trust."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.http_session import tls_context
from servers.links import FOLDER_VARIABLE, Link, certified


@contextmanager
def trusted_certificates(folder: Path) -> Iterator[None]:
    """Have all servers that are started in the block use the certificates of one folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder))
        with certified(Link.TLS) as trusted:
            patch.setenv("SSL_CERT_FILE", trusted["authority"])
            tls_context.cache_clear()
            yield
    tls_context.cache_clear()
