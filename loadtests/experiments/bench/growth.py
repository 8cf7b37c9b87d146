"""How a cost grows with the number of clients, of members of a room, of events in a log, and of rooms.

Teaches to look at a cost in several sizes. The figure is for one unit of work: a connection, a delivery, a join, a
message. If it stays level from a hundred to ten thousand, size is no problem yet; if it climbs, it will become a limit.
The logs are filled through the store, a thousand times faster than people would fill them.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from loadtests.experiments.bench import calls
from loadtests.experiments.bench.fan_out import ours
from loadtests.experiments.bench.findings import BenchFinding, grown
from loadtests.experiments.bench.idle_memory import kib_per_connection
from loadtests.experiments.bench.measured_server import chat_server
from loadtests.experiments.bench.sizes import BenchSizes
from loadtests.harness.baselines import ANY_ACCOUNT, TEXT
from loadtests.users.http_session import HttpUserSession
from servers.core.store import open_store
from servers.core.wire import Draft, Kind, Send
from servers.transports import find

CONNECTIONS = partial(grown, "connections", "KiB of memory for each idle WebSocket")
MEMBERS = partial(grown, "members of a room", "us of server CPU for each delivery on a WebSocket")
EVENTS = partial(grown, "events in the log of a room", "us of server CPU for joining and leaving it")
ROOMS = partial(grown, "rooms with a log", "us of server CPU for a message in one of them")
DELIVERIES = 20_000
APPENDS = 512  # at once
MICROSECONDS = 1e6
Call = Callable[[HttpUserSession, int], object]


def measure(sizes: BenchSizes) -> list[BenchFinding]:
    """Return each cost at each size."""
    transport = find("raw_websocket")
    joins = by_log(sizes.growth_events, "room".format, join, sizes.growth_calls)
    sends = by_log(sizes.growth_rooms, "room-{}".format, send, sizes.growth_calls)
    return [
        *(CONNECTIONS(count, kib_per_connection(transport, count)) for count in sizes.growth_connections),
        *(MEMBERS(count, delivery_us(count)) for count in sizes.growth_members),
        *(EVENTS(count, us) for count, us in joins),
        *(ROOMS(count, us) for count, us in sends),
    ]


def delivery_us(members: int) -> float:
    """Return the server's CPU time for a delivery of one message at a time to a room with so many members."""
    with ours(members) as room:
        return MICROSECONDS / room.deliveries_per_cpu_s(max(5, DELIVERIES // members), in_flight=1)


def join(client: HttpUserSession, _: int) -> None:
    """Join the room, and leave it."""
    client.join()
    client.leave()


def send(client: HttpUserSession, nth: int) -> None:
    """Send a message to the room."""
    client.command(Send(f"id-{nth}", TEXT))


def by_log(sizes: Sequence[int], room_of: Callable[[int], str], call: Call, times: int) -> Iterator[tuple[int, float]]:
    """Yield each size of the log, and the server's CPU time for a call, in microseconds; sizes must ascend.

    room_of: the room of the nth event; clients of the benchmark join the room `room`.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        url = f"sqlite:///{Path(folder)}/chat.db"
        filled = 0
        for size in sizes:
            asyncio.run(fill(url, room_of, filled, size))
            filled = size
            with chat_server("short_polling", "--store", url) as server, calls.api_client(server.address) as client:
                client.log_in(f"user-of-{size}")
                client.join()
                call(client, size)
                before_s = server.cpu_s()
                for nth in range(times):
                    call(client, size + 1 + nth)
                yield size, server.cpu_since_s(before_s) / times * MICROSECONDS


async def fill(url: str, room_of: Callable[[int], str], first: int, last: int) -> None:
    """Append the events from `first` up to `last` to the log, each to its room."""
    store = await open_store(url)
    try:
        for start in range(first, last, APPENDS):
            numbers = range(start, min(start + APPENDS, last))
            await asyncio.gather(*(store.append(room_of(nth), message(nth)) for nth in numbers))
    finally:
        await store.close()


def message(nth: int) -> Draft:
    """Return the nth message of a log that is to be filled."""
    return Draft(Kind.MESSAGE, ANY_ACCOUNT.user, "user-0", TEXT, 1_700_000_000_000 + nth, f"filled-{nth}")
