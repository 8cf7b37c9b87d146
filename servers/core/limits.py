"""Validate rooms, ids and texts.

Teaches that a refusal is documentation: each one states what was expected and what came, cut to a bounded length.
"""

import re

from servers.core.errors import BadRequest, TooLarge
from servers.core.settings import Settings

ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def check_room(room: str) -> None:
    """Raise BadRequest unless a room may have this name."""
    if ROOM.fullmatch(room) is None:
        raise BadRequest(f"room: expected 1 to 64 letters, digits, - or _, got {room[:80]!r}")


def check_id(field: str, value: str, settings: Settings) -> None:
    """Raise BadRequest unless an id that a client chose is short and printable."""
    if not 1 <= len(value) <= settings.id_max or not value.isprintable():
        raise BadRequest(f"{field}: expected 1 to {settings.id_max} printable characters, got {value[:80]!r}")


def check_text(text: str, settings: Settings) -> None:
    """Raise TooLarge or BadRequest unless a message's text fits."""
    size = len(text.encode())
    if size > settings.text_bytes_max:
        raise TooLarge(f"text: expected at most {settings.text_bytes_max} bytes of UTF-8, got {size}; send it in parts")
    if not size:
        raise BadRequest("text: expected at least one character, got none")
