"""What is measured: how many users, in which rooms, saying how much, for how long.

Teaches that a comparison is fair only if the load is a value, the same for every transport. A scenario travels to
the load generator as command-line options, one per field, so that a Locust file run by hand takes the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _option(default: float, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One load. Rooms are filled one after the other, so the last may be smaller.

    The senders warm up for one poll interval before the window opens: until every poller has asked once while
    messages flow, answers are emptier than they will be.
    """

    name: str
    users: int = _option(40, "Users in all.")
    room_size: int = _option(10, "Users per room.")
    rate_per_s: float = _option(0.2, "Messages per second that each user sends, on average (Poisson).")
    measured_s: float = _option(30.0, "Length of the measuring window, seconds.")
    poll_interval_s: float = _option(2.0, "How long a short poller sleeps after each answer, seconds.")
    text_bytes: int = _option(120, "Length of a message's text, bytes.")
    seed: int = _option(1, "Seed of the senders' schedules and the pollers' phases.")

    @property
    def warm_up_s(self) -> float:
        return self.poll_interval_s

    @property
    def load_s(self) -> float:
        """For how long messages are sent."""
        return self.warm_up_s + self.measured_s

    @property
    def drain_s(self) -> float:
        """How long to wait, at most, for what is still on its way once nobody sends any more."""
        return self.poll_interval_s + 5.0

    @property
    def rooms(self) -> tuple[range, ...]:
        """The numbers of the users in each room."""
        starts = range(0, self.users, self.room_size)
        return tuple(range(start, min(start + self.room_size, self.users)) for start in starts)

    def arguments(self) -> list[str]:
        """Return the scenario as options of `locust`, the number of users included."""
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.metadata}
        return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any]) -> "Scenario":
        """Return the scenario that Locust's parsed options describe."""
        known = {field.name: options[field.name] for field in fields(cls) if field.metadata and field.name in options}
        return cls(name=name, **known)


CONVERSATION = Scenario(name="conversation")
