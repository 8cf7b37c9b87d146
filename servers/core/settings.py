"""Every duration and limit of the chat, in one frozen value, so that a test can run with short ones.

Teaches which of them follow from others: how often to renew, how late that may be and when to sweep, from the lease.
"""

from dataclasses import dataclass
from enum import StrEnum

from servers.addresses import Authority, Origin


class RenewedBy(StrEnum):
    """Who renews the lease of a client whose events a push service delivers."""

    HEARTBEAT = "heartbeat"  # the client, by a request every third of a lease
    WEBHOOK = "webhook"  # the API, for as long as the service says that the client is connected


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations in seconds, sizes in bytes or items.

    lease_s: a user is online this long after the last renewal, and `late_s` on top. presence: what renews the leases of
    a push service's clients. hold_s: a long poll is held at most this long. ping_s: an event stream or a socket sends
    at least this often something that its client can see. log_in_s: a new socket must join within this time. typing_s:
    how long a typing notice is true. rooms_max: in how many rooms people may be online at once; user_rooms_max: in how
    many of them one user; network_rooms_max: in how many the users of one network (see servers.core.quotas). An
    empty room takes no place, and keeps its log: so nobody holds a room without staying in it, and nothing acknowledged
    is deleted for another room. snapshot_members: how many members a join returns. tail_max, tail_bytes_max: how much
    of a room's log a process keeps in memory; tails_bytes_max: of all rooms together; page_bytes_max: how long a page
    may be, a snapshot's messages or a history, each of which holds one event in any case: so much waits at most for a
    client that does not read. commands_per_s: how many commands and joins of one user, and log-ins from one network,
    each process accepts, and ten seconds' worth of them at once: far more than a person or a load test sends, and a
    tenth of what one process can store. on_demand: the host runs an instance only during a request, beside other
    instances: nothing may be left for later, and nothing cached that another may change. origins: pages of these
    origins may call us, beside our own. hosts: accepted Host names, beside loopback. proxies: addresses or networks of
    proxies, divided by commas: the X-Forwarded-For header of a log-in counts if it comes from one of them.
    """

    lease_s: float = 30.0
    presence: RenewedBy = RenewedBy.HEARTBEAT
    hold_s: float = 25.0
    ping_s: float = 20.0
    log_in_s: float = 5.0
    typing_s: float = 5.0
    token_s: float = 12 * 3600.0
    text_bytes_max: int = 4096
    request_bytes_max: int = 32 * 1024
    name_max: int = 32
    id_max: int = 64
    page_max: int = 100
    snapshot_messages: int = 50
    snapshot_members: int = 1000
    rooms_max: int = 1000
    user_rooms_max: int = 50
    network_rooms_max: int = 250
    connections_max: int = 8
    polls_max: int = 2
    tail_max: int = 1024
    tail_bytes_max: int = 4 * 1024 * 1024
    tails_bytes_max: int = 64 * 1024 * 1024
    page_bytes_max: int = 64 * 1024
    commands_per_s: float = 500.0
    on_demand: bool = False
    hosts: tuple[str, ...] = ()
    proxies: str = "127.0.0.1,::1"
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a host or an origin that none can be."""
        for host in self.hosts:
            Authority.parse(host)
        for origin in self.origins:
            Origin.parse(origin)

    @property
    def commands_burst(self) -> float:
        """How many commands of one user are accepted at once."""
        return 10 * self.commands_per_s

    @property
    def renewed_lease_s(self) -> float:
        """How long a lease is once it is renewed: by webhooks, for as long as Pusher repeats one (300 s)."""
        return self.lease_s * (10 if self.presence is RenewedBy.WEBHOOK else 1)

    @property
    def silence_s(self) -> float:
        """After how much silence a client that sends no heartbeats reads: Pusher's own activity timeout (120 s)."""
        return self.lease_s * (4 if self.presence is RenewedBy.WEBHOOK else 0)

    @property
    def heartbeat_s(self) -> float:
        """How often a lease is renewed: every third of it, so that two renewals may be lost."""
        return self.lease_s / 3

    @property
    def late_s(self) -> float:
        """How late or early a heartbeat may come: after two that were lost, the third finds the lease still there."""
        return self.heartbeat_s / 2

    @property
    def sweep_s(self) -> float:
        """How often the leases of open connections are renewed, and expired ones ended."""
        return self.lease_s / 6
