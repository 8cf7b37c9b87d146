"""The timeline of one connection: what happened to the first user, as rows of `results.schema.TIMELINE`.

Teaches that what a transport is shows in what stays open. Who polls has requests, and between them nothing; who is
pushed to has a connection, which begins when it is opened and ends when it is cut. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import inf

from loadtests.accounts.rows import KINDS, OPENING, Request
from loadtests.accounts.samples import Samples
from loadtests.experiments.hosted.accounts import READ_PATH, SEND_PATH, Row
from servers.core.wire import Kind
from servers.transports import Reads, Transport

FIRST = 0


def timeline_of(transport: Transport, samples: Samples) -> list[Row]:
    """Return what happened to the first user, in order, in seconds since they began to open their connection."""
    requests = [row for row in samples.requests if row.user == FIRST]
    openings = [row for row in requests if row.name == OPENING]
    if not openings:
        return []
    start_s, end_s = openings[0].begun_s, samples.window.end_s or inf
    spans = [row._replace(name="opening") for row in openings]
    spans += [*_requests(requests, openings), *_messages(samples)]
    if transport.reads is Reads.ONCE:
        spans += _connections(samples, openings)
    shown = [row for row in sorted(spans, key=lambda row: row.begun_s) if start_s <= row.ended_s <= end_s]
    names = ("phase", "started_s", "ended_s", "succeeded")
    rows = ((row.name, row.begun_s - start_s, row.ended_s - start_s, row.succeeded) for row in shown)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _requests(requests: list[Request], openings: list[Request]) -> Iterator[Request]:
    """Yield the HTTP requests, under the schema's names, without those that an opening consists of."""
    starts_s = [row.begun_s for row in openings]
    for row in requests:
        place = bisect_right(starts_s, row.begun_s) - 1
        if row.name != OPENING and (place < 0 or row.ended_s > openings[place].ended_s):
            kinds = {READ_PATH: "request", SEND_PATH: "command"}
            yield row._replace(name=next((kind for path, kind in kinds.items() if row.name.endswith(path)), "upkeep"))


def _connections(samples: Samples, openings: list[Request]) -> Iterator[Request]:
    """Yield each connection from when it was open until it broke, or until the end of the window."""
    end_s = samples.window.end_s
    breaks_s = [row.broken_s for row in samples.reconnections if row.user == FIRST]
    breaks_s = [moment_s for moment_s in (*breaks_s, samples.disconnected.get(FIRST, inf)) if moment_s < end_s]
    for row in openings:
        if row.succeeded:
            broken_s = next((moment_s for moment_s in breaks_s if moment_s >= row.ended_s), None)
            yield Request(FIRST, "connection", row.ended_s, broken_s or end_s, broken_s is None)


def _messages(samples: Samples) -> Iterator[Request]:
    """Yield each message that came, from when it was meant to be sent."""
    intended_s = {(row.room, row.seq): row.intended_s for row in samples.actions() if KINDS[row.kind] is Kind.MESSAGE}
    for row in samples.deliveries():
        if row.recipient == FIRST and (row.room, row.seq) in intended_s:
            yield Request(FIRST, "message", intended_s[row.room, row.seq], row.received_s, True)
