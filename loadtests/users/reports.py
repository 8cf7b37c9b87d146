"""What Locust's statistics show: one row for each kind of request that users send and wait for.

A delivery is not a request, since nobody asked for it: `loadtests.accounts.summary` reports the deliveries.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from types import UnionType
from typing import Any, TypeVar, overload

import msgspec

from loadtests.users.http_connection import ConnectionLost

Body = TypeVar("Body")

WEBSOCKET = "WS"
"""The type, in Locust's statistics, of what crosses a WebSocket."""

decoder_of = cache(msgspec.json.Decoder)  # a new decoder for each frame takes eight times as long
QUOTED_CHARACTERS = 160  # of an unexpected response: two lines of a terminal


Report = Callable[..., None]
"""Puts a request into Locust's statistics: its method, its name, what it took in seconds, its length in bytes, and the
ConnectionLost if it failed.
"""


@contextmanager
def timed(report: Report, kind: str, name: str) -> Iterator[Callable[[int], None]]:
    """Report how long the block takes, and whether it raises ConnectionLost, which is passed on.

    Yields a function that ends the measured time before the block ends; its argument is the response's length in bytes.
    """
    begun_s = perf_counter()
    took_s = 0.0
    length = 0

    def stop(response_bytes: int) -> None:
        nonlocal took_s, length
        took_s = perf_counter() - begun_s
        length = response_bytes

    try:
        yield stop
    except ConnectionLost as lost:
        report(kind, name, took_s or perf_counter() - begun_s, 0, lost)
        raise
    report(kind, name, took_s or perf_counter() - begun_s, length)


@overload
def read_as(body: bytes | str, kind: type[Body]) -> Body: ...


@overload
def read_as(body: bytes | str, kind: UnionType) -> Any: ...


def read_as(body: bytes | str, kind: Any) -> Any:
    """Return what was received, decoded; raises ConnectionLost if it is something else."""
    try:
        return decoder_of(kind).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        text = body if isinstance(body, str) else body.decode(errors="replace")
        name = getattr(kind, "__name__", kind)
        raise ConnectionLost(f"expected {name}, got {text[:QUOTED_CHARACTERS]!r}: {error}") from error
