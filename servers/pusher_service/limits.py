"""What the service allows: the vendor's published limits, and the bounds it needs of its own.

Teaches that a shared service is mostly limits: each of them keeps one customer from slowing down the next.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one service. The vendor documents the first group; the second bounds this process's memory."""

    activity_timeout_s: int = 120
    pong_wait_s: float = 30.0
    client_events_per_s: int = 10
    data_bytes_max: int = 10_240
    channels_per_event_max: int = 100
    batch_max: int = 10
    channel_name_chars_max: int = 164
    event_name_chars_max: int = 200
    members_max: int = 100
    user_id_chars_max: int = 128
    user_info_bytes_max: int = 1_024

    messages_a_day: int = 0  # 0: as many as there are
    connections_max: int = 10_000
    subscriptions_per_connection_max: int = 1_000
    subscriptions_max: int = 100_000  # of about 1 kB each
    backlog_messages_max: int = 100
    backlog_bytes_max: int = 256 * 1024
    close_wait_s: float = 5.0
    detached_s: float = 5.0  # without a request, for a client of the fallbacks
    call_bytes_max: int = 1024 * 1024

    @property
    def idle_check_s(self) -> float:
        """How often idle connections are looked for: often enough to be at most a tenth late."""
        return min(self.activity_timeout_s, self.pong_wait_s) / 10
