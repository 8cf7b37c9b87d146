"""What crossed the load generator's own connections, and whether the servers counted the same.

Teaches that a count can be trusted when a second, independent count agrees: the kernel's (TCP_INFO), and the servers'.
Over all connections the two must be equal to the byte, since in the end nothing is in flight. In the measuring window
they may differ by the bytes that passed near its two ends: within SLACK_S and a one-way delay. Counted is TCP payload,
encrypted or not; retransmissions count once. Pure: `loadtests.users.socket_meter` does the reading.
"""

from collections.abc import Iterator
from struct import Struct as Layout
from typing import NamedTuple

from msgspec import Struct

SLACK_S = 0.1
"""How far apart the two sides' readings may lie: the sampler wakes up, connects, and the server responds in turn."""

TCP_INFO = Layout("=B127xQ8xI52xQQ")
"""Fields of struct tcp_info in linux/tcp.h: state, bytes_received, notsent_bytes, bytes_sent and bytes_retrans."""

INFO_BYTES = TCP_INFO.size
CLOSED = 7  # TCP_CLOSE, the last state, whichever side closed first
OTHER_SIDE_CLOSED = frozenset((6, 8, 9, 11))  # TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING


class WireBytes(NamedTuple):
    """TCP payload from the clients (up) and to them (down)."""

    up: int = 0
    down: int = 0

    def plus(self, other: "WireBytes") -> "WireBytes":
        return WireBytes(self.up + other.up, self.down + other.down)

    def minus(self, other: "WireBytes") -> "WireBytes":
        return WireBytes(self.up - other.up, self.down - other.down)


class Around(NamedTuple):
    """What had crossed at one end of the window, and a slack before and after it."""

    before: WireBytes
    at: WireBytes
    after: WireBytes

    def plus(self, other: "Around") -> "Around":
        return Around(*map(WireBytes.plus, self, other))


class ClientBytes(Struct, frozen=True):
    """The generator's side. total: everything, from the first connection until all users had left."""

    start: Around
    end: Around
    total: WireBytes

    @property
    def window(self) -> WireBytes:
        return self.end.at.minus(self.start.at)

    @property
    def tolerance(self) -> WireBytes:
        """What passed around the window's two ends."""
        return self.end.after.minus(self.end.before).plus(self.start.after.minus(self.start.before))

    def plus(self, other: "ClientBytes") -> "ClientBytes":
        return ClientBytes(self.start.plus(other.start), self.end.plus(other.end), self.total.plus(other.total))


def from_tcp_info(info: bytes, end_was_read: bool) -> WireBytes:
    """Read a connection's TCP_INFO, at least INFO_BYTES of it; end_was_read: whether its end was read from the socket.

    What was written counts as up, though some of it may still wait in the socket. The other side's FIN takes a sequence
    number, which the kernel counts as a byte received. In CLOSED only `end_was_read` shows whether a FIN came.
    """
    state, received, not_sent, sent, sent_again = TCP_INFO.unpack_from(info)
    fin_came = state in OTHER_SIDE_CLOSED or (state == CLOSED and end_was_read)
    return WireBytes(sent - sent_again + not_sent, received - 1 if fin_came else received)


def disagreements(client: ClientBytes | None, server_window: WireBytes, server_total: WireBytes) -> Iterator[str]:
    """Yield where the two sides' counts differ by more than they may; nothing where the generator cannot count."""
    if client is None:
        return
    if server_total != client.total:
        yield f"over all, {_apart(client.total, server_total)}"
    apart = server_window.minus(client.window)
    allowed = client.tolerance
    if abs(apart.up) > allowed.up or abs(apart.down) > allowed.down:
        yield f"in the window, {_apart(client.window, server_window)}, and {_text(allowed)} passed around its ends"


def _apart(client: WireBytes, server: WireBytes) -> str:
    return f"the generator counted {_text(client)}, and the servers {_text(server)}"


def _text(carried: WireBytes) -> str:
    return f"{carried.up:,} bytes up and {carried.down:,} down"
