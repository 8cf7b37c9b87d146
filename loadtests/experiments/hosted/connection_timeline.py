"""The life of one connection: what the first user went through, as rows of `results.schema.LIVES`.

Teaches that what a transport is shows in what stays open. Whoever polls has questions, and between them nothing; who is
pushed to has a line, which begins when it is opened and ends when it is cut. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import inf

from loadtests.accounts.samples import KINDS, OPENING, Request, Samples
from loadtests.experiments.hosted.accounts import READING, SENDING, Row
from servers.core.wire import Kind
from servers.transports import Reads, Transport

FIRST = 0


def timeline_of(transport: Transport, samples: Samples) -> list[Row]:
    """Return what the first user noted, in order, in seconds since they began to open their line."""
    asked = [row for row in samples.requests if row.user == FIRST]
    openings = [row for row in asked if row.name == OPENING]
    if not openings:
        return []
    begun_s, end_s = openings[0].begun_s, samples.window.end_s or inf
    rows = [*openings, *_questions(asked, openings), *_messages(samples)]
    if transport.reads is Reads.ONCE:
        rows += _lines(samples, openings)
    return [
        {
            "what": row.name,
            "begun_s": row.begun_s - begun_s,
            "ended_s": row.ended_s - begun_s,
            "went_well": row.succeeded,
        }
        for row in sorted((_named(row) for row in rows), key=lambda row: row.begun_s)
        if begun_s <= row.ended_s <= end_s
    ]


def _named(row: Request) -> Request:
    """Return a row under the schema's name for what it is."""
    if row.name == OPENING:
        return row._replace(name="opening")
    _, _, name = row.name.partition(" ")
    if not name:
        return row
    if name.endswith(READING):
        return row._replace(name="question")
    return row._replace(name="command" if name.endswith(SENDING) else "upkeep")


def _questions(asked: list[Request], openings: list[Request]) -> Iterator[Request]:
    """Yield what was asked over HTTP but for that which an opening consists of."""
    begins_s = [row.begun_s for row in openings]
    for row in asked:
        place = bisect_right(begins_s, row.begun_s) - 1
        if row.name != OPENING and not (place >= 0 and row.ended_s <= openings[place].ended_s):
            yield row


def _lines(samples: Samples, openings: list[Request]) -> Iterator[Request]:
    """Yield each line from when it was open until it broke, or until the end of the window."""
    end_s = samples.window.end_s
    breaks_s = [row.broken_s for row in samples.reconnections if row.user == FIRST]
    breaks_s = [moment_s for moment_s in (*breaks_s, samples.disconnected.get(FIRST, inf)) if moment_s < end_s]
    for row in openings:
        if row.succeeded:
            broken_s = next((moment_s for moment_s in breaks_s if moment_s >= row.ended_s), None)
            yield Request(FIRST, "line", row.ended_s, broken_s or end_s, broken_s is None)


def _messages(samples: Samples) -> Iterator[Request]:
    """Yield each message that came, from when it was meant to be sent."""
    meant_s = {(row.room, row.seq): row.intended_s for row in samples.actions() if KINDS[row.kind] is Kind.MESSAGE}
    for row in samples.deliveries():
        if row.recipient == FIRST and (row.room, row.seq) in meant_s:
            yield Request(FIRST, "message", meant_s[row.room, row.seq], row.received_s, True)
