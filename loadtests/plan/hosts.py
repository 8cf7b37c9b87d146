"""Whether `--host` names a server, before any user tries to reach it.

Teaches that a missing address is one mistake of one person, and not the failure of each of a thousand users. Leaves
out whether a server runs there: it opens no connection.
"""

from pathlib import Path
from urllib.parse import urlsplit

EXPECTED = "expected the chat server's address, as http://127.0.0.1:8000 (several are separated by commas)"
FOLDER = Path(__file__).parents[1]


def how_to_start(locust_file: Path) -> str:
    """Return how the server of a Locust file is started."""
    if locust_file.resolve().parent == FOLDER:
        return f"`.venv/bin/python -m servers {locust_file.stem}` starts its server, at port 8000."
    return f"The first lines of {locust_file.name} name its server."


def address_problem(host: str | None, locust_file: Path) -> str:
    """Return what is wrong with an address, and what to do; empty if nothing is."""
    if not host:
        return f"The host (--host) is missing: {EXPECTED}. {how_to_start(locust_file)}"
    for address in host.split(","):
        if not _is_address(address):
            return f"The host (--host) is wrong: {EXPECTED}, got {address!r}. {how_to_start(locust_file)}"
    return ""


def _is_address(address: str) -> bool:
    try:
        url = urlsplit(address)
        names_server = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        return names_server and url.path in ("", "/") and not url.query
    except ValueError:  # a port that is no number, or out of range
        return False
