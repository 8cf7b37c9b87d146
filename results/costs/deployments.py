"""The monthly bill of the three deployments of the source document, and where free tiers end.

Teaches to search for the end of a free tier: bills are step functions of the number of users, so no equation gives it.
Leaves out people's time, which is the most expensive part.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from results.costs import metering
from results.costs.metering import DAYS, Activity
from results.costs.plans import Bill, Prices, Usage, cheapest
from results.costs.rates import Rates, rates

BILLED = ADAPTER, SOCKETS, STREAM = "pusher_adapter", "raw_websocket", "server_sent_events"
"""The transports whose rates the bills need."""

Measured = Mapping[str, Rates]
UsageByService = Mapping[str, Usage]
BillByUsers = Callable[[int], Bill]


def pusher_and_serverless(
    measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str, webhooks: bool = False
) -> UsageByService:
    """The API as functions, the connections at Pusher, the log in a database. Pusher's frames are not our egress.

    webhooks: whether Pusher's webhooks tell the API who is connected, instead of heartbeats.
    """
    api, month = measured[ADAPTER], activity.month
    published = activity.within(activity.online, activity.open_s / DAYS).events
    messages_per_day = metering.pusher_messages(published, activity.recipients)
    if webhooks:
        api = metering.without_heartbeats(api, activity)
        messages_per_day += metering.presence_messages(activity)
    egress = api.down_bytes.of(month._replace(deliveries=0.0)) + api.publish_bytes.of(month)
    return {
        host or "vercel": metering.functions(api.requests.of(month), api.cpu_s.of(month), egress, activity, assumed),
        "pusher": {"messages_per_day": messages_per_day, "connections": activity.online_at_peak},
        "neon": {"database_cu_h": assumed["database_cu"] * activity.occupied_h},
    }


def separate_websocket_server(
    measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str
) -> UsageByService:
    """Commands as functions, connections at a rented server, the log in a database between them.

    A command costs a function as much as it cost the server of Server-Sent Events: a POST and an append. A server that
    listens to its database never lets the database sleep. Leaves out the cost of the store's client on that server.
    """
    command = measured[STREAM]
    events = activity.month.events
    cpu_s, egress = (rate.event * events for rate in (command.cpu_s, command.down_bytes))
    return {
        "vercel": metering.functions(events, cpu_s, egress, activity, assumed),
        host or "railway": metering.own_server(measured[SOCKETS], activity, assumed, scales_out=True),
        "neon": {"database_cu_h": assumed["database_cu"] * 24 * DAYS},
    }


def single_server(measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str) -> UsageByService:
    """One process has the connections, the commands and the log in a file: its core is the limit."""
    usage = metering.own_server(measured[SOCKETS], activity, assumed, scales_out=False)
    return {host or "railway": usage, "one-process": usage}


DEPLOYMENTS: Mapping[str, Callable[[Measured, Activity, Mapping[str, float], str], UsageByService]] = {
    "pusher-and-serverless": pusher_and_serverless,
    "separate-websocket-server": separate_websocket_server,
    "single-server": single_server,
}


def measured_in(folder: Path) -> Measured:
    """Return the rates that the bills need; raises ValueError when the run lacks a load."""
    return {slug: rates(folder, slug) for slug in BILLED}


def bill(deployment: str, activity: Activity, measured: Measured, prices: Prices, host: str = "") -> Bill:
    """Return a month at the cheapest plans. host: the service that runs the code, if not today's Vercel or Railway."""
    usage = DEPLOYMENTS[deployment](measured, activity, prices.assumptions, host)
    return Bill(tuple(cheapest(name, prices.plans[name], used) for name, used in usage.items()))


def bills(activity: Activity, measured: Measured, prices: Prices) -> dict[str, BillByUsers]:
    """Return the bill of each deployment as a function of the number of users, each of whom does what is given."""

    def by_users(deployment: str) -> BillByUsers:
        return lambda users: bill(deployment, replace(activity, users=users), measured, prices)

    return {deployment: by_users(deployment) for deployment in DEPLOYMENTS}


def last_free(by_users: BillByUsers, most: int) -> int:
    """Return the largest number of users, 0 to `most`, that is free. Expects bills that never fall as users grow."""
    return bisect_left(range(1, most + 1), True, key=lambda users: by_users(users).usd > 0)
