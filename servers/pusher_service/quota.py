"""A plan's messages a day, counted as the vendor counts them (see `broker.Counters`).

Teaches what a quota does to a chat: until midnight UTC the service refuses whatever is published, by its API with
status 403 and by clients with code 4004, while queries are answered and connections stay
(https://docs.bird.com/pusher/channels/channels/limits/what-happens-when-i-hit-my-channels-plan-limits).
"""

from collections.abc import Callable

from servers.pusher_service.broker import Counters

DAY_S = 86_400


class Quota:
    """How many messages there may be today. `clock` returns Unix time; a_day: 0 means no limit."""

    def __init__(self, counters: Counters, a_day: int, clock: Callable[[], float]) -> None:
        self.a_day = a_day
        self._counters = counters
        self._clock = clock
        self._day = self._today()
        self._before_today = 0

    def __str__(self) -> str:
        return f"over the plan's {self.a_day} messages a day: the next day begins at midnight UTC"

    @property
    def used(self) -> int:
        """The messages of today, by UTC."""
        if (today := self._today()) != self._day:
            self._day, self._before_today = today, self._counters.billed_messages
        return self._counters.billed_messages - self._before_today

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.a_day > 0  # the first look after midnight begins the day, with or without a limit

    def _today(self) -> int:
        return int(self._clock() // DAY_S)
