"""The vendor's own client, pusher-js, on networks that block more or less: what it chose, and what that cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from notebooks.analysis import wording
from notebooks.analysis.records import read
from notebooks.analysis.wire.captures import Capture, from_pieces, wire_messages

PUBLISHED = b"at_ms"  # in every event that was published, and nowhere else


@dataclass(frozen=True, slots=True)
class PusherJs:
    """One client. transport: the client's own name for it. subscribed_s: the time from connecting to the subscription.

    latencies_ms: of the messages of each pair, which were published one right after the other.
    """

    transport: str
    subscribed_s: float
    one_way_delay_ms: float
    latencies_ms: tuple[tuple[float, float], ...]
    capture: Capture

    def median_ms(self, place: int) -> float:
        """Return the median latency of the first messages of all pairs (0), or of the second ones (1)."""
        return median(pair[place] for pair in self.latencies_ms)

    def per_message(self) -> tuple[float, float]:
        """Return how many requests, and bytes both ways, there were for each message from the first one on."""
        messages = wire_messages(self.capture)
        published = sum(map(len, self.latencies_ms))
        first = next(index for index, message in enumerate(messages) if PUBLISHED in message.content)
        requests = [message for message in messages[first:] if message.kind == "request"]
        return len(requests) / published, sum(message.size for message in messages[first:]) / published


def pusher_js(path: Path) -> dict[str, PusherJs]:
    """Read what was recorded, by the name of the network; raise BrokenRun when it was not."""
    return {
        network: PusherJs(
            found["transport"],
            found["subscribed_s"],
            found["one_way_delay_ms"],
            tuple((first, second) for first, second in found["latencies_ms"]),
            from_pieces(network, found["pieces"]),
        )
        for network, found in read(path)["pusher_js"].items()
    }


def table(clients: Mapping[str, PusherJs]) -> wording.Prose:
    """Return a row for each network."""
    rows = {}
    for network, client in clients.items():
        requests, size = client.per_message()
        rows[network] = {
            "the client chose": client.transport,
            "subscribed after": wording.duration(1000 * client.subscribed_s),
            "a message, median": wording.duration(client.median_ms(0)),
            "one right after it": wording.duration(client.median_ms(1)),
            "requests a message": wording.amount(requests),
            "bytes a message": wording.amount(size),
        }
    return wording.table(rows)
