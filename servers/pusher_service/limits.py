"""Limits and counters of the service: the vendor's published limits, our own bounds, and the messages of a plan.

Teaches that each limit of a shared service keeps one customer from slowing down the others. And what happens to a chat
when its quota is used up: until midnight UTC the service refuses every event, from the API with status 403 and from
clients with code 4004. Queries are still answered, and connections stay
(https://docs.bird.com/pusher/channels/channels/limits/what-happens-when-i-hit-my-channels-plan-limits).
"""

from collections.abc import Callable
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

    messages_a_day: int = 0  # 0: no limit
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


DAY_S = 86_400


@dataclass(slots=True)
class Counters:
    """What happened since the service started, as far as a bill or a report needs it.

    `deliveries` counts an event (of the API or of a client) once per receiving socket; `presence_deliveries` counts the
    notices of members who come and go in the same way. Greetings, pings and subscriptions are free, as at the vendor.
    """

    api_calls: int = 0
    api_queries: int = 0
    events_published: int = 0
    client_events: int = 0
    deliveries: int = 0
    presence_deliveries: int = 0
    webhook_calls: int = 0
    slow_connections_closed: int = 0

    @property
    def billed_messages(self) -> int:
        """What the vendor would charge: every message in, every query, every message out, and every call of a webhook.

        https://docs.bird.com/pusher/channels/channels/limits/how-is-my-message-count-calculated-in-channels
        """
        messages_in = self.api_queries + self.events_published + self.client_events
        return messages_in + self.deliveries + self.presence_deliveries + self.webhook_calls


class Quota:
    """How many messages there may be today. `clock` returns Unix time; a_day: 0 means no limit."""

    def __init__(self, counters: Counters, a_day: int, clock: Callable[[], float]) -> None:
        self.a_day = a_day
        self._counters = counters
        self._clock = clock
        self._day = -1.0
        self.begin_day()

    def __str__(self) -> str:
        return f"over the plan's {self.a_day} messages a day: the next day begins at midnight UTC"

    @property
    def used(self) -> int:
        """The messages of today, by UTC."""
        self.begin_day()
        return self._counters.billed_messages - self._before_today

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.a_day > 0

    def begin_day(self) -> None:
        """Count from zero if it is another day. What is counted before this call belongs to the old day."""
        today = self._clock() // DAY_S
        if today != self._day:
            self._day = today
            self._before_today = self._counters.billed_messages
