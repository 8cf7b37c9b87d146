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

    A room counts for the limits of rooms only while somebody is online in it. Its log is kept: no acknowledged message
    is deleted to make place for another room. commands_per_s is far more than a person or a load test sends, and a
    tenth of what one process can store.
    """

    lease_s: float = 30.0  # a user is online this long after the last renewal, and `late_s` longer
    presence: RenewedBy = RenewedBy.HEARTBEAT
    hold_s: float = 25.0  # a long poll is held at most this long
    ping_s: float = 20.0  # how often an event stream or a socket sends, at least, something that its client can see
    log_in_s: float = 5.0  # a new socket must join within this time
    typing_s: float = 5.0  # how long a typing notice is true
    token_s: float = 12 * 3600.0
    text_bytes_max: int = 4096
    request_bytes_max: int = 32 * 1024
    name_max: int = 32
    id_max: int = 64
    page_max: int = 100
    snapshot_messages: int = 50
    snapshot_members: int = 1000
    rooms_max: int = 1000  # in how many rooms people may be online at once
    user_rooms_max: int = 50  # in how many of them one user may be
    network_rooms_max: int = 250  # and the users of one network together: see servers.core.quotas
    connections_max: int = 8  # of one user in one room
    polls_max: int = 2  # open requests, streams or sockets of one connection
    tail_max: int = 1024  # how many events of a room a process keeps in memory
    tail_bytes_max: int = 4 * 1024 * 1024
    tails_bytes_max: int = 64 * 1024 * 1024  # of all rooms together
    page_bytes_max: int = 64 * 1024  # of a page, a history or a snapshot's messages; one event may be longer
    commands_per_s: float = 500.0  # of one user, joins too, but not leaving, or log-ins of one network, at each process
    on_demand: bool = False  # the host runs instances only during requests: no later work, no cache of shared data
    hosts: tuple[str, ...] = ()  # accepted Host names, beside loopback
    proxies: str = "127.0.0.1,::1"  # from these addresses or networks, the X-Forwarded-For of a log-in counts
    origins: tuple[str, ...] = ()  # pages of these origins may call us, beside our own

    def __post_init__(self) -> None:
        """Raise ValueError for a malformed host or origin."""
        for host in self.hosts:
            Authority.parse(host)
        for origin in self.origins:
            Origin.parse(origin)

    @property
    def commands_burst(self) -> float:
        """How many commands of one user are accepted at once: those of ten seconds."""
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
