"""What N users do in a month, and what a vendor counts of it, from the rates that a run measured.

Teaches which few numbers a bill depends on (how long users are online, how many events they cause, the room size), and
three ways to count. Pusher counts a publish and every delivery; a serverless host counts requests, their CPU time and
the memory of the instances in which they wait; a rented server is paid by the hour.
Connections, cores and memory_gb are those of the busiest moment. Leaves out storage, log-ins and cold starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from results import theory
from results.costs.plans import Usage
from results.costs.rates import Causes, Rates
from servers.transports import Reads, Transport

DAYS = 30
HOUR_S = 3600.0
SILENCE_S, LIST_S = 120.0, 100.0
"""With webhooks: after how much silence a client reads, and how often the API reads the list of a room's members."""
GB = 1e9


@dataclass(frozen=True, slots=True)
class Activity:
    """What N users do.

    room_size: recipients of an event, its sender included. events_per_hour: messages, typing notices and receipts of
    one user in an hour online. hours_per_day, visits_per_day: how long a user is online, and in how many visits.
    open_hours: how long the chat is used in a day. peak: users online at the busiest moment, as a multiple of the mean.
    """

    users: int
    room_size: int = 10
    events_per_hour: float = 20.0
    hours_per_day: float = 2.0
    open_hours: float = 12.0
    peak: float = 2.0
    visits_per_day: float = 4.0

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
        """Return events, deliveries and user-seconds of a number of users who are online for some seconds."""
        events = online * self.events_per_hour / HOUR_S * seconds
        return Causes(events, events * self.recipients, online * seconds)

    @property
    def month(self) -> Causes:
        return self.within(self.online, self.open_s)


def pusher_messages(published: float, subscribers: float) -> float:
    """Return what Pusher counts: one for each publish, and one for each subscriber who receives it.

    Pings and subscribing are free. Our adapter uses no client events.
    """
    return published * (1 + subscribers)


def presence_messages(activity: Activity) -> float:
    """Return what Pusher counts in a day of presence channels.

    A visit is two notices to each of the others, two webhooks and a query; each room is queried every LIST_S.
    """
    queries = activity.online / activity.recipients * activity.open_s / DAYS / LIST_S
    return activity.users * activity.visits_per_day * (2 * (activity.recipients - 1) + 3) + queries


def without_heartbeats(measured: Rates, activity: Activity) -> Rates:
    """Return the adapter's rates with two webhooks for each visit, and a read after silence, instead of heartbeats.

    CPU time and bytes stay as they were with heartbeats, so a bill is too high rather than too low.
    """
    events_per_s = activity.recipients * activity.events_per_hour / HOUR_S
    webhooks_per_s = 2 * activity.visits_per_day / (activity.hours_per_day * HOUR_S)
    user_s = webhooks_per_s + theory.silence_reads_per_s(events_per_s, SILENCE_S)
    return replace(measured, requests=replace(measured.requests, user_s=user_s))


def is_held(transport: Transport) -> bool:
    """Return whether a user who only listens occupies a function, by a held request or a connection."""
    return transport.reads is not Reads.POLL and not transport.needs_push_service


def functions(
    invocations: float, cpu_s: float, egress_bytes: float, activity: Activity, assumed: Mapping[str, float]
) -> Usage:
    """Return the usage of a serverless host in a month, with the meters of both ways in which it bills.

    Each request is held for its CPU time and an assumed wait. An instance is alive while it serves a request. With few
    requests in flight, one instance is alive while there is at least one request; with many, each instance serves the
    assumed number at once.
    """
    held_s = invocations * assumed["wait_s_per_request"] + cpu_s
    in_flight = held_s / activity.open_s
    alive_s = activity.open_s * max(theory.occupied_share(in_flight), in_flight / assumed["requests_at_once"])
    return {
        "invocations": invocations,
        "edge_requests": invocations,
        "active_cpu_h": cpu_s / HOUR_S,
        "memory_gb_h": alive_s / HOUR_S * assumed["function_memory_gb"],
        "function_gb_h": held_s / HOUR_S * assumed["classic_memory_gb"],
        "egress_gb": egress_bytes / GB,
    }


def own_server(measured: Rates, activity: Activity, assumed: Mapping[str, float], *, scales_out: bool) -> Usage:
    """Return the usage of a rented server; scales_out: whether another process starts when all others are full."""
    at_peak = measured.cpu_s.of(activity.within(activity.online_at_peak, 1.0)) / assumed["core_share_max"]
    processes = max(1, ceil(at_peak)) if scales_out else 1
    gigabytes = (processes * measured.process_bytes + activity.online_at_peak * measured.user_bytes) / GB
    return {
        "cores": at_peak,
        "memory_gb": gigabytes,
        "cpu_min": measured.cpu_s.of(activity.month) / 60,
        "memory_gb_min": gigabytes * 24 * 60 * DAYS,
        "egress_gb": measured.down_bytes.of(activity.month) / GB,
    }
