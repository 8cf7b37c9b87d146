"""A server's standard input and output: how it tells its parent that it is ready, and learns that the parent ended.

Leaves out who reads standard input: each process waits for its end in its own way.
"""

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

STDIN = 0
"""The file descriptor of standard input; it closes when the parent process ends."""


def print_ready(address: str, facts: Mapping[str, Any], next_step: str = "") -> None:
    """Print where the server listens: one JSON line for a parent process, or words for a person at a terminal.

    next_step: what a person may open or run now.
    """
    if sys.stdout.isatty():
        print(f"Listening on {address}   (Ctrl-C ends it)", *filter(None, [next_step]), sep="\n", flush=True)
    else:
        print(json.dumps({"address": address, **facts}), flush=True)


def replace_unencodable() -> None:
    """Let standard output write "?" for a character that its encoding lacks, such as the dots of a cut help text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
