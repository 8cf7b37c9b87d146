"""One load: how many users, in which rooms, sending how much, for how long.

Teaches that a comparison is fair only if the load is a value, the same for every transport. A workload travels to the
load generator as command-line options, one per field that concerns it, so that a Locust file run by hand takes the
same ones. Delays of links and restarts of servers are left to the process that measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any

USERS_PER_S = 100  # faster, and the ramp measures log-ins instead of letting users in
START_STOP_S = 4.0  # what starting and stopping takes, about
DRAIN_S = 5.0
LEAST = {"users": 1, "room_size": 1, "measured_s": 0.1, "poll_interval_s": 0.01, "text_bytes": 1}
"""The least value of an option; of the others it is 0."""

HOLD_S = 25.0  # for how long the servers hold a long poll, at most
LEASE_S = 30.0  # for how long a heartbeat keeps somebody online


def _option(default: float, label: str, meaning: str) -> Any:
    """Return a field that is an option, too. label: its name in forms, where underscores become spaces."""
    return field(default=default, metadata={"label": label, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One load. Rooms are filled one after the other, so the last may be smaller.

    point: its name among the loads of its scenario; empty if it is the only one. one_way_delay_s: what
    each direction of the clients' links is delayed by; push_link_delay_s: the same for the link from the API to the
    push service. joins_per_s: how many users arrive per second, before the barrier.

    The senders warm up for one poll interval before the window opens: until every poller has polled once while
    messages flow, more responses are empty than later.
    """

    point: str = ""
    users: int = _option(40, "users", "Users in all.")
    room_size: int = _option(10, "users_per_room", "How many users share a room.")
    rate_per_s: float = _option(
        0.2, "messages_per_second", "Messages per second that each user sends, on average (Poisson)."
    )
    bunch_s: float = _option(
        0.0,
        "seconds_between_bunches",
        "Bunch messages at the multiples of so many seconds, everybody at once; 0 for none.",
    )
    typing_per_s: float = _option(
        0.0, "typing_notices_per_second", "How often per second each user begins to type, on average (Poisson)."
    )
    receipts_per_s: float = _option(
        0.0, "read_receipts_per_second", "How often per second each user marks as read, on average (Poisson)."
    )
    comings_per_s: float = _option(
        0.0, "absences_per_second", "How often per second each user leaves and comes back, on average (Poisson)."
    )
    restart_at_s: float = _option(
        0.0, "seconds_to_restart", "Seconds into the window at which the server is restarted; 0 for never."
    )
    lines_break: int = _option(
        0,
        "reconnect_broken_connections",
        "1 if connections may break and users then reconnect, 0 if one that breaks stays broken.",
    )
    measured_s: float = _option(
        30.0,
        "measuring_window_seconds",
        "How long is measured, seconds; then the test ends by itself.",
    )
    poll_interval_s: float = _option(
        2.0, "seconds_between_polls", "How long a short poller sleeps after each response, seconds."
    )
    keep_alive: int = _option(
        1, "keep_connections_open", "1 to keep a connection for the next request, 0 to close it after each response."
    )
    text_bytes: int = _option(120, "bytes_per_message", "Length of a message's text, bytes.")
    seed: int = _option(1, "random_seed", "Seed of the senders' schedules and the pollers' phases.")
    one_way_delay_s: float = 0.0
    push_link_delay_s: float = 0.0
    joins_per_s: float = USERS_PER_S

    @property
    def warm_up_s(self) -> float:
        return self.poll_interval_s

    @property
    def load_s(self) -> float:
        """For how long messages are sent."""
        return self.warm_up_s + self.measured_s

    @property
    def users_return(self) -> bool:
        """Whether users whose connection breaks open it again, and try for long to have an action acknowledged."""
        return bool(self.lines_break or self.restart_at_s)

    @property
    def drain_s(self) -> float:
        """How long to wait, at most, for the last deliveries once nobody sends any more."""
        return self.poll_interval_s + DRAIN_S * (3 if self.lines_break else 1)

    @property
    def about_s(self) -> float:
        """How long one measurement takes, about: starting, ramp, warm-up, window, drain, stopping."""
        return START_STOP_S + self.users / self.joins_per_s + self.load_s + self.poll_interval_s

    @property
    def rooms(self) -> tuple[range, ...]:
        """The numbers of the users in each room."""
        starts = range(0, self.users, self.room_size)
        return tuple(range(start, min(start + self.room_size, self.users)) for start in starts)

    @property
    def summary(self) -> str:
        """The load in one sentence."""
        also = {"typing": self.typing_per_s, "receipts": self.receipts_per_s, "comings": self.comings_per_s}
        paces = [f"{rate:g} {what}" for what, rate in {"messages": self.rate_per_s, **also}.items() if rate]
        restart = f"a restart after {self.restart_at_s:g} s, " if self.restart_at_s else ""
        bunches = f"bunched every {self.bunch_s:g} s, " if self.bunch_s else ""
        return (
            f"{self.users} users in rooms of {self.room_size}, {', '.join(paces)} a second each, {bunches}{restart}"
            f"{self.measured_s:g} s measured, a poll every {self.poll_interval_s:g} s"
        )

    @property
    def problem(self) -> str:
        """Which option has a value that no load can have, what is expected and what came; empty if none has."""
        for one in fields(self):
            value, least = getattr(self, one.name), LEAST.get(one.name, 0)
            if one.metadata and not least <= value < inf:
                flag = f"--{one.name.replace('_', '-')}"
                return f"{flag} ({one.metadata['label']}): expected a number of at least {least:g}, got {value:g}"
        return ""

    def seeded(self, repeat: int) -> "Workload":
        """Return the load of a repeat, whose seed counts on from the first."""
        return replace(self, seed=self.seed + repeat)

    def arguments(self) -> list[str]:
        """Return the workload as options of `locust`, the number of users included."""
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.metadata}
        return [argument for name, value in options.items() for argument in (f"--{name.replace('_', '-')}", str(value))]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "Workload":
        """Return the workload that Locust's parsed options describe."""
        known = {field.name: options[field.name] for field in fields(cls) if field.metadata and field.name in options}
        return cls(**known)
