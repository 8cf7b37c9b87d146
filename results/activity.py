"""What N users do in a month, and how many of them are there at once.

Teaches which few numbers a bill hangs on: how long people are there, how much they say, and to how many.
"""

from dataclasses import dataclass
from math import expm1

from results.rates import Causes

DAYS = 30
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Activity:
    """What N users do.

    room_size: people who are told of an event, its sender included. events_per_hour: what one user says, types and
    marks in an hour of being there: each is one event. hours_per_day: how long a user is there, within the open_hours
    in which the chat is in use. peak: how many times its mean the crowd is at the busiest moment.
    """

    users: int
    room_size: int = 10
    events_per_hour: float = 20.0
    hours_per_day: float = 2.0
    open_hours: float = 12.0
    peak: float = 2.0

    def __post_init__(self) -> None:
        if self.users < 1 or self.room_size < 1:
            raise ValueError(
                f"activity: expected at least 1 user and rooms of 1, got {self.users} and {self.room_size}"
            )
        if self.events_per_hour < 0 or self.peak < 1:
            raise ValueError(
                f"activity: expected 0 events or more and a peak of 1 or more, got {self.events_per_hour}, {self.peak}"
            )
        if not 0 < self.hours_per_day <= self.open_hours <= 24:
            raise ValueError(
                f"activity: expected 0 < hours_per_day <= open_hours <= 24, "
                f"got {self.hours_per_day} and {self.open_hours}"
            )

    @property
    def hearers(self) -> int:
        """How many are told of an event: a room cannot hold more than there are."""
        return min(self.room_size, self.users)

    @property
    def online(self) -> float:
        """How many are there at a time, on average over the open hours."""
        return self.users * self.hours_per_day / self.open_hours

    @property
    def online_at_peak(self) -> float:
        return min(float(self.users), self.peak * self.online)

    @property
    def open_s(self) -> float:
        """Seconds of a month in which the chat is in use."""
        return self.open_hours * HOUR_S * DAYS

    @property
    def anybody_h(self) -> float:
        """Hours of a month in which anybody is there: all but exp(-online) of those in which the chat is in use."""
        return self.open_s / HOUR_S * -expm1(-self.online)

    def within(self, online: float, seconds: float) -> Causes:
        """Return events, deliveries and user-seconds while so many are there for so long."""
        events = online * self.events_per_hour / HOUR_S * seconds
        return events, events * self.hearers, online * seconds

    @property
    def month(self) -> Causes:
        return self.within(self.online, self.open_s)
