"""ASCII for characters that the encoding of standard output lacks: Latin-1, for example, lacks dashes and table lines.

Without this module, one such character ends a command with a UnicodeEncodeError. Standard library only: child processes
that import nothing else of ours use it too.
"""

import codecs
import io
import sys
import tomllib
import unicodedata
from pathlib import Path

ERROR_HANDLER = "plain_characters"
PLAIN: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def use_plain_characters() -> None:
    """Let standard output and error write a similar ASCII character for what their encoding lacks."""
    codecs.register_error(ERROR_HANDLER, plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERROR_HANDLER)


def plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Return the ASCII text for characters that could not be encoded; "?" where there is nothing similar."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    without_accents = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return PLAIN.get(character) or without_accents or "?"
