"""A server's standard input and output: how it tells its parent that it is ready, and learns that the parent ended.

Leaves out who reads standard input: each process waits for its end in its own way.
"""

import io
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

STDIN = 0  # the file descriptor of standard input; it closes when the parent process ends


def print_ready(address: str, facts: Mapping[str, Any], next_step: str = "") -> None:
    """Print where the server listens: one JSON line for a parent process, or words for a person at a terminal.

    next_step: what a person may open or run now. That the parent has ended is no error here: standard input says so.
    """
    if sys.stdout.isatty():
        print(f"Listening on {address}   (Ctrl-C ends it)", flush=True)
        if next_step:
            print(next_step, flush=True)
        return
    try:
        print(json.dumps({"address": address, **facts}), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries again at its end


def replace_unencodable() -> None:
    """Let standard output write "?" for a character that its encoding lacks, such as the dots of a cut help text."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
