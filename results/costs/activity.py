"""What N users do in a month, and how many of them are online at once.

Teaches which few numbers a bill depends on: how long users are online, how many events they cause, and the room size.
"""

from dataclasses import dataclass

from results import theory
from results.costs.rates import Causes

DAYS = 30
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Activity:
    """What N users do.

    room_size: recipients of an event, its sender included. events_per_hour: messages, typing notices and receipts of
    one user in an hour online. hours_per_day: how long a user is online, within the open_hours in which the chat is in
    use. peak: the number of users online at the busiest moment, as a multiple of the mean.
    """

    users: int
    room_size: int = 10
    events_per_hour: float = 20.0
    hours_per_day: float = 2.0
    open_hours: float = 12.0
    peak: float = 2.0

    def __post_init__(self) -> None:
        for is_valid, expected in (
            (self.users >= 1, "at least 1 user"),
            (self.room_size >= 1, "rooms of 1 or more"),
            (self.events_per_hour >= 0, "0 events per hour or more"),
            (self.peak >= 1, "a peak of 1 or more"),
            (0 < self.hours_per_day <= self.open_hours <= 24, "0 < hours_per_day <= open_hours <= 24"),
        ):
            if not is_valid:
                raise ValueError(f"activity: expected {expected}, got {self}")

    @property
    def recipients(self) -> int:
        """How many users receive an event: a room cannot have more members than there are users."""
        return min(self.room_size, self.users)

    @property
    def online(self) -> float:
        """How many users are online, on average over the open hours."""
        return self.users * self.hours_per_day / self.open_hours

    @property
    def online_at_peak(self) -> float:
        return min(float(self.users), self.peak * self.online)

    @property
    def open_s(self) -> float:
        """Seconds of a month in which the chat is in use."""
        return self.open_hours * HOUR_S * DAYS

    @property
    def occupied_h(self) -> float:
        """Hours of a month in which at least one user is online."""
        return self.open_s / HOUR_S * theory.occupied_share(self.online)

    def within(self, online: float, seconds: float) -> Causes:
        """Return events, deliveries and user-seconds while so many users are online for so long."""
        events = online * self.events_per_hour / HOUR_S * seconds
        return events, events * self.recipients, online * seconds

    @property
    def month(self) -> Causes:
        return self.within(self.online, self.open_s)
