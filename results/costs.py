"""The bill of the three deployment options of the source document, by the number of users.

Teaches where free tiers end, which limit ends them, and where one option becomes cheaper than another. From the counts
of a run (`results.rates`) and an activity (`results.activity`) to usage (`results.metering`) to the cheapest plans
(`results.plans`, `prices.toml`). Pure but for reading those two. What a message takes in requests and bytes is told by
`notebooks.analysis.prices`; here it is money. Leaves out people's time, which is the dearest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from math import isfinite
from pathlib import Path

from results.activity import DAYS, Activity
from results.metering import database, function_seconds, functions, in_functions, own_server, pusher_messages
from results.plans import Bill, Prices, Usage
from results.rates import Rates, rates

ADAPTER, SOCKETS, STREAM = "pusher_adapter", "raw_websocket", "server_sent_events"
STEP = 1.02

Measured = Mapping[str, Rates]
Needs = Mapping[str, Usage]
"""What an option uses, by service."""


def pusher_and_serverless(measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str) -> Needs:
    """The API as functions, the lines at Pusher, the log in a database. The service's frames are not our egress."""
    api, (events, _, user_s) = measured[ADAPTER], activity.month
    egress = api.down_bytes.of((events, 0.0, user_s)) + api.publish_bytes.of(activity.month)
    published, _, _ = activity.within(activity.online, activity.open_s / DAYS)
    return {
        host or "vercel": functions(function_seconds(api, activity, assumed), egress, assumed),
        "pusher": {
            "messages_per_day": pusher_messages(published, activity.hearers),
            "connections": activity.online_at_peak,
        },
        "neon": database(activity.anybody_h, assumed),
    }


def separate_websocket_server(measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str) -> Needs:
    """Commands as functions, lines at servers of one's own, the log in a database between them.

    A command costs a function what the server of Server-Sent Events spent on one: a POST and an append. A server that
    waits for news from its database never lets it sleep. Leaves out what the store's client adds to that server.
    """
    events, _, _ = activity.month
    command = measured[STREAM]
    seconds = in_functions(events, command.cpu_s.event * events, activity, assumed)
    return {
        "vercel": functions(seconds, command.down_bytes.event * events, assumed),
        host or "railway": own_server(measured[SOCKETS], activity, assumed, copies_wanted=True),
        "neon": database(24 * DAYS, assumed),
    }


def single_server(measured: Measured, activity: Activity, assumed: Mapping[str, float], host: str) -> Needs:
    """One process has the lines, the commands and the log in a file: it ends where its core does."""
    usage = own_server(measured[SOCKETS], activity, assumed, copies_wanted=False)
    return {host or "railway": usage, "one-process": usage}


OPTIONS: Mapping[str, Callable[[Measured, Activity, Mapping[str, float], str], Needs]] = {
    "pusher-and-serverless": pusher_and_serverless,
    "separate-websocket-server": separate_websocket_server,
    "single-server": single_server,
}


def measured_in(folder: Path) -> Measured:
    """Return the rates that the options need; raises ValueError when the run lacks a load."""
    return {slug: rates(folder, slug) for slug in (ADAPTER, SOCKETS, STREAM)}


def bill(
    option: str, activity: Activity, measured: Measured, prices: Prices, *, commercial: bool = False, host: str = ""
) -> Bill:
    """Return a month of an option at the cheapest plans; raises ValueError when the option or the host is unknown.

    host: the service that runs its code, if not Vercel's of today or Railway: another way to bill, another price.
    """
    if option not in OPTIONS:
        raise ValueError(f"option: expected one of {', '.join(OPTIONS)}, got {option!r}")
    needs = OPTIONS[option](measured, activity, prices.assumptions, host)
    return Bill(tuple(prices.service(name).line(usage, commercial=commercial) for name, usage in needs.items()))


def bills(
    activity: Activity, measured: Measured, prices: Prices, *, commercial: bool = False
) -> dict[str, Callable[[int], Bill]]:
    """Return for each option its bill as a function of the number of users who do what the activity says."""

    def by_users(option: str) -> Callable[[int], Bill]:
        return lambda users: bill(option, replace(activity, users=users), measured, prices, commercial=commercial)

    return {option: by_users(option) for option in OPTIONS}


def last_free(bill: Callable[[int], Bill], most: int) -> int | None:
    """Return up to how many users nothing is paid: at most `most`; None if even one costs something.

    Expects bills that never fall as users grow.
    """
    if bill(1).usd > 0:
        return None
    low, high = 1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bill(middle).usd > 0 else (middle, high)
    return low


@dataclass(frozen=True, slots=True)
class Crossing:
    """From this many users on others are the cheapest. before and after: several where they cost the same."""

    users: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def cheapest(bills: Mapping[str, Callable[[int], Bill]], users: int) -> tuple[str, ...]:
    """Return who costs least for so many users, all that cost the same; nobody if no plan of anybody suffices."""
    usd = {name: bill(users).usd for name, bill in bills.items()}
    return tuple(name for name, each in usd.items() if each == min(usd.values()) and isfinite(each))


def crossings(bills: Mapping[str, Callable[[int], Bill]], most: int) -> tuple[Crossing, ...]:
    """Return where the cheapest options change, from 1 to `most` users.

    Exact to the user; of several changes within 2 % more users all but one may be missed.
    """

    @cache
    def leading(users: int) -> tuple[str, ...]:
        return cheapest(bills, users)

    def change(low: int, high: int) -> Crossing:
        before = leading(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if leading(middle) == before else (low, middle)
        return Crossing(high, before, leading(high))

    return tuple(change(*rungs) for rungs in pairwise(_ladder(most)) if leading(rungs[0]) != leading(rungs[1]))


def _ladder(most: int) -> list[int]:
    """Return growing numbers of users from 1 to `most`, each at most 2 % or one above the last."""
    rungs = [1]
    while rungs[-1] < most:
        rungs.append(min(most, max(rungs[-1] + 1, int(rungs[-1] * STEP))))
    return rungs
