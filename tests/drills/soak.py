"""Let people talk over every transport for hours: memory, descriptors and latencies may not grow."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any

import numpy as np

from servers.transports import TRANSPORTS
from tests.drills.running import Running, talking, tracebacks_in, tree
from tests.outages.outcome import outcome
from tests.outages.people import Size

QUARTER = 6  # how many samples a quarter of the soak has; each has the latencies since its quarter began
SAMPLES = 4 * QUARTER
SIZE = Size(people=4, every_s=1.0, catch_up_s=60.0)
OLD_S = 10.0  # everybody must have received a message that was acknowledged so long ago
EXAMINED = 2
"""Over how many of the latest intervals a sample looks for losses; the last sample looks at everything. Otherwise the
work of each sample would grow with time, and delay the people, who run in the same process."""


def plan(seconds: float) -> list[dict[str, Any]]:
    """Return the samples, of all transports at the same moments."""
    return [
        {"sample": sample, "at_s": round((sample + 1) * seconds / SAMPLES, 1), "transport": row.slug}
        for sample in range(SAMPLES)
        for row in TRANSPORTS
    ]


def rows(todo: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Start every server, and yield the rows of each moment at which a transport is still to be sampled."""
    samples = sampled(list(dict.fromkeys((key["sample"], key["at_s"]) for key in todo)))
    with asyncio.Runner() as runner:
        while row := runner.run(anext(samples, None)):
            yield row


async def sampled(moments: list[tuple[int, float]]) -> AsyncIterator[dict[str, Any]]:
    """Yield a row for each transport at each of these moments. session: of rows of the same processes."""
    session = datetime.now().astimezone().isoformat(timespec="seconds")
    interval_s = moments[-1][1] / (moments[-1][0] + 1)
    async with AsyncExitStack() as stack:
        chats = {row.slug: await stack.enter_async_context(talking(row.slug, "sqlite", SIZE)) for row in TRANSPORTS}
        quarter_s = next_s = monotonic()
        for sample, at_s in moments:
            if sample % QUARTER == 0:
                quarter_s = next_s
            next_s += interval_s
            await asyncio.sleep(next_s - monotonic())
            is_last = sample == SAMPLES - 1
            for slug, chat in chats.items():
                if is_last:
                    await chat.joined.finish(SIZE.catch_up_s)
                key = {"sample": sample, "quarter": sample // QUARTER, "at_s": at_s, "transport": slug}
                examined_s = (-np.inf, np.inf) if is_last else (next_s - EXAMINED * interval_s, monotonic() - OLD_S)
                found = await asyncio.to_thread(figures, chat, quarter_s, examined_s)  # people go on talking meanwhile
                yield {**key, "session": session, **found}


def figures(chat: Running, quarter_s: float, examined_s: tuple[float, float]) -> dict[str, Any]:
    """Return the server's memory and descriptors, the losses of what was sent in `examined_s`, and the latencies."""
    processes = tree(chat.server.pid)
    people = chat.joined.people
    begun_s, settled_s = examined_s
    examined = [
        replace(
            each,
            sent=[message for message in each.sent if begun_s <= message.intended_s and message.acked_s < settled_s],
            received=[message for message in each.received if message.at_s >= begun_s],
        )
        for each in people
    ]
    found = outcome(examined, settled_s, settled_s)
    intended_s = {sent.seq: sent.intended_s for person in people for sent in person.sent}
    received = [each for person in people for each in person.received if each.at_s >= quarter_s]
    latencies_s = [each.at_s - intended_s[each.seq] for each in received if each.seq in intended_s]
    p50_s, p99_s = np.percentile(latencies_s, [50, 99]) if latencies_s else (np.nan, np.nan)
    return {
        "memory_bytes": sum(process.memory_info().rss for process in processes),
        "descriptors": sum(process.num_fds() for process in processes),
        "quarter_p50_s": round(float(p50_s), 4),
        "quarter_p99_s": round(float(p99_s), 4),
        "messages": sum(len(person.sent) for person in people),
        **{name: found[name] for name in ("lost", "duplicates", "out_of_order")},
        **tracebacks_in(chat.folder),
    }
