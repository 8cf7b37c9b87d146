"""Signals as bytes in a pipe, so that one wait is for them and for what child processes print.

Leaves out what the signals mean: that is the supervisor's.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STOP, RENEW = b"!", b"+"
HANDLERS = {signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGHUP: RENEW}


@contextmanager
def signals(handlers: Mapping[signal.Signals, bytes]) -> Iterator[tuple[int, int]]:
    """Yield the ends of a pipe, into which each of these signals writes what it asks for: STOP or RENEW."""
    reading, writing = os.pipe()
    before = {
        number: signal.signal(number, lambda *_, mark=mark: os.write(writing, mark))
        for number, mark in handlers.items()
    }
    try:
        yield reading, writing
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
