"""One load: how many users, in which rooms, sending how much, for how long.

Teaches that a comparison is fair only if the load is a value, the same for every transport. A workload travels to the
load generator as command-line options, one per field that concerns it, so that a Locust file run by hand takes the
same ones. Delays of links and restarts of servers are left to the process that measures.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

PLAIN, TLS, H2 = "plain", "tls", "h2"
LINKS = (PLAIN, TLS, H2)
"""How users reach the servers: as `servers.links` has it."""

USERS_PER_S = 100  # with more, the servers' log-ins limit the ramp
START_STOP_S = 2.7
"""The time to start and stop a cell: that of the whole cell without ramp, warm-up, window and a poller's last poll. The
value is the median of five transports (2.0 to 3.6 s) in a default comparison, on two cores at real-time priority."""
CHARTS_S = 6.0  # what that comparison took beyond its cells: the command's own start, and the charts
DRAIN_S = 5.0  # many times as long as the last delivery takes on any transport
HOLD_S = 25.0  # how long the servers hold a long poll, at most
LEASE_S = 30.0  # how long a heartbeat keeps a user online
SILENCE_S = 4 * LEASE_S  # after so much silence a user reads who sends no heartbeats

OPTIONS: Mapping[str, Mapping[str, Any]] = tomllib.loads(Path(__file__).with_name("options.toml").read_text("utf-8"))
"""The fields of a workload that are command-line options, too: the label, the meaning and the least value of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One load. Rooms are filled one after the other, so the last may be smaller.

    point: its name among the loads of its scenario; empty if it is the only one. link: one of LINKS. proxy: 1 if the
    link ends in nginx, in front of a server without TLS. one_way_delay_s: the delay of each direction of the clients'
    links; push_link_delay_s: the same for the link from the API to the push service. webhooks: 1 if that service
    reports who is connected, 0 if users send heartbeats. joins_per_s: how many users join per second. The other fields
    are explained in options.toml. A switch is a number too, 1 or 0, like every option of the command line but `link`.

    Everybody sends once while users still join, so that no connection is cold. The senders warm up for one poll
    interval before the window opens, so that every poller has polled once: the first polls are empty more often.
    """

    point: str = ""
    link: str = PLAIN
    proxy: int = 0
    users: int = 40
    room_size: int = 10
    rate_per_s: float = 0.2
    bunch_s: float = 0.0
    typing_per_s: float = 0.0
    receipts_per_s: float = 0.0
    comings_per_s: float = 0.0
    restart_at_s: float = 0.0
    connections_break: int = 0
    measured_s: float = 30.0
    poll_interval_s: float = 2.0
    poll_limit_s: float = 0.0
    poll_jitter: float = 0.0
    polls_together: int = 0
    conditional: int = 0
    keep_alive: int = 1
    resume_tls: int = 0
    text_bytes: int = 120
    compress: int = 0
    seed: int = 1
    one_way_delay_s: float = 0.0
    push_link_delay_s: float = 0.0
    webhooks: int = 0
    joins_per_s: float = USERS_PER_S

    @property
    def longest_poll_s(self) -> float:
        """The longest pause of a poller."""
        return max(self.poll_interval_s, self.poll_limit_s) * (1 + self.poll_jitter)

    @property
    def warm_up_s(self) -> float:
        return self.longest_poll_s

    @property
    def load_s(self) -> float:
        """For how long messages are sent."""
        return self.warm_up_s + self.measured_s

    @property
    def users_return(self) -> bool:
        """Whether users whose connection breaks open it again, and repeat an action more often until acknowledged."""
        return bool(self.connections_break or self.restart_at_s)

    @property
    def drain_s(self) -> float:
        """How long to wait, at most, for the last deliveries once nobody sends any more."""
        return self.longest_poll_s + DRAIN_S * (3 if self.connections_break else 1)

    @property
    def rooms(self) -> tuple[range, ...]:
        """The numbers of the users in each room."""
        starts = range(0, self.users, self.room_size)
        return tuple(range(start, min(start + self.room_size, self.users)) for start in starts)

    @property
    def summary(self) -> str:
        """The load in one sentence."""
        crowd = f"{self.users} users in rooms of {self.room_size}"
        return ", ".join([crowd, *self._actions(), *self._polls(), *self._transfer()])

    def _actions(self) -> list[str]:
        """What users do, and for how long: phrases of the summary."""
        rates = {"messages": self.rate_per_s, "typing": self.typing_per_s}
        rates |= {"receipts": self.receipts_per_s, "comings": self.comings_per_s}
        actions = ", ".join(f"{rate:g} {what}" for what, rate in rates.items() if rate)
        return phrases(
            (f"{actions} a second each", True),
            (f"bunched every {self.bunch_s:g} s", self.bunch_s),
            (f"a restart after {self.restart_at_s:g} s", self.restart_at_s),
            (f"{self.measured_s:g} s measured", True),
        )

    def _polls(self) -> list[str]:
        """When and how pollers poll: phrases of the summary."""
        most = f" to {self.poll_limit_s:g}" if self.poll_limit_s else ""
        return phrases(
            (f"a poll every {self.poll_interval_s:g}{most} s", True),
            (f"{self.poll_jitter:.0%} earlier or later", self.poll_jitter),
            ("all together at first", self.polls_together),
            ("conditional", self.conditional),
        )

    def _transfer(self) -> list[str]:
        """How texts and connections cross the wire: phrases of the summary."""
        return phrases(
            (f"texts of {self.text_bytes} bytes, compressed", self.compress),
            ("over TLS", self.link == TLS),
            ("over TLS with HTTP/2", self.link == H2),
            ("to nginx", self.proxy),
        )

    @property
    def problem(self) -> str:
        """Which option has a value that no load can have, what is expected and what came; empty if none has."""
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if not option["least"] <= value < inf:
                expected = f"expected a number of at least {option['least']:g}, got {value:g}"
                return f"--{name.replace('_', '-')} ({option['label']}): {expected}"
        return ""

    def seeded(self, repeat: int) -> "Workload":
        """Return the load of a repeat, whose seed counts on from the first."""
        return replace(self, seed=self.seed + repeat)

    def arguments(self) -> list[str]:
        """Return the workload as options of `locust`, the number of users included."""
        options = {f"--{name.replace('_', '-')}": str(getattr(self, name)) for name in (*OPTIONS, "link")}
        return [argument for option in options.items() for argument in option]


def phrases(*phrase_and_is_on: tuple[str, float]) -> list[str]:
    """Return the phrases that are on."""
    return [phrase for phrase, is_on in phrase_and_is_on if is_on]
