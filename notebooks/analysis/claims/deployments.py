"""How claims about the three deployments are tested: on their parts, outages and bills, and on the shortest code."""

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.claims.claim import CONTRADICTED, Evidence, Finding, Verdict, holds_if, holds_when, no_longer_if
from notebooks.analysis.deployments.managed import counted_per_message, minutes_a_day
from notebooks.analysis.deployments.reports import MANAGED, SEPARATE, SINGLE, STORE
from notebooks.analysis.deployments.side_by_side import lost, vendors
from notebooks.analysis.runs import Run
from notebooks.analysis.shared_store import StoreChoice
from results.costs.activity import Activity
from results.costs.break_even import last_free
from results.costs.deployments import bill, bills

FEW, MANY, MOST = 10, 1_000, 100_000
PARTS = ("program", "link", "setting")
DAY_MINUTES = 24 * 60
ALONE, ONE_WORKER, TWO_WORKERS = StoreChoice("sqlite", 1), StoreChoice("redis", 1), StoreChoice("redis", 2)
COMPARED = ((SINGLE, "vps"), (MANAGED, ""))
"""Whose bills are compared: deployments, and the hosts of their code; a machine of one's own has no free plan."""
SHORTEST = (("Pusher", "without an API"), ("WebSocket", "corrected"))


def easy_setup(evidence: Evidence) -> Finding:
    code = evidence.code
    calls = [code[f"{name} in JavaScript, {which}"]["lines"] for name, which in SHORTEST]
    managed, raw = (code[f"{name} chat in Python"] for name in ("Pusher", "WebSocket"))
    figure = (
        f"JavaScript: {calls[0]} lines by Pusher, {calls[1]} by WebSocket; a whole chat in Python: {managed['lines']} "
        f"and {raw['lines']}, with {len(managed['credentials'])} credentials and {len(raw['credentials'])}"
    )
    if calls[0] > calls[1]:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        managed["lines"] > raw["lines"],
        figure,
        "It holds when an API is there already and has only to publish; whoever must write one too writes more.",
    )


def free_tier(evidence: Evidence) -> Finding:
    talk, large = evidence.run("conversation"), evidence.run("large_room")
    sandbox = evidence.prices.service("pusher").plans[0].included["messages_per_day"]
    lasts = minutes_a_day(talk, sandbox)
    by_users = bills(Activity(1), evidence.rates, evidence.prices)[MANAGED]
    users = last_free(by_users, MOST)
    ends = ", ".join(limit.capitalize().replace(": ", "'s ") for limit in by_users(users + 1).exceeded)
    sizes = " and ".join(wording.amount(counted_per_message(run).value) for run in (talk, large))
    return holds_when(
        lasts < DAY_MINUTES,
        f"a message counts {sizes} in rooms of {_size(talk)} and {_size(large)}; the conversation of "
        f"{talk.cells['users'].max()} uses up {sandbox:,} in {lasts:.0f} minutes; free for {users} users ({ends})",
        "It holds when little is said to few, since every delivery counts; and the functions beside it have a free "
        "tier of their own, which heartbeats end first.",
    )


def _size(run: Run) -> int:
    return int(run.cells["room_size"].iloc[0])


def external_dependency(evidence: Evidence) -> Finding:
    outages = evidence.outages
    hangs, gone = (outages[outages["failure"] == name] for name in ("vendor_hangs", "vendor_unreachable"))
    return holds_if(
        gone["silent_s"].min() > gone["lasted_s"].min(),
        f"the vendor out of reach for {gone['lasted_s'].median():.0f} s: somebody saw nothing for "
        f"{gone['silent_s'].max():.1f} s; hanging as long: a send waited {hangs['unacknowledged_s'].max():.1f} s; "
        f"{lost(pd.concat([hangs, gone]))}",
        "A log of one's own makes the vendor's outage cost time, and no message; nobody is told while it lasts.",
    )


def no_external_service(evidence: Evidence) -> Finding:
    services = evidence.parts[SEPARATE]["rented"]
    separate, managed, single = (vendors(name, evidence.rates, evidence.prices) for name in (SEPARATE, MANAGED, SINGLE))
    figure = (
        f"{wording.counted(len(services), 'push service')}; bills from {', '.join(map(str.title, separate))}: "
        f"{len(separate)} vendors, with Pusher {len(managed)}, on a single server {len(single)}"
    )
    if services:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        bool(separate), figure, "It holds of the push service only: its own drawing has three hosts to pay."
    )


def two_servers(evidence: Evidence) -> Finding:
    own = {name: sum(role != STORE for role in parts["own"]) for name, parts in evidence.parts.items()}
    outages = evidence.outages[evidence.outages["deployment"] == SEPARATE]
    killed = outages[outages["failure"] == "api_host_killed"]
    return holds_if(
        own[SEPARATE] == 2 > own[MANAGED],
        f"{own[SEPARATE]} programs of one's own and a database; with Pusher {own[MANAGED]} and a database, "
        f"else {own[SINGLE]}; with the API's host killed {killed['connections_broken'].sum()} lines broke, and a send "
        f"waited {killed['unacknowledged_s'].max():.1f} s",
        "What it buys: each of the two can fail or be replaced without the other; lines outlast the API, though nobody "
        "can send until it is back.",
    )


def more_complex(evidence: Evidence) -> Finding:
    counts = {
        name: (len(parts["own"] + parts["rented"]), len(parts["links"]), len(parts["settings"]))
        for name, parts in evidence.parts.items()
    }
    texts = {name: ", ".join(map(wording.counted, count, PARTS)) for name, count in counts.items()}
    figure = f"{texts[SEPARATE]}; with Pusher {texts[MANAGED]}; on a single server {texts[SINGLE]}"
    if any(here <= there for here, there in zip(counts[SEPARATE], counts[SINGLE], strict=True)):
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        counts[SEPARATE][2] < counts[MANAGED][2],
        figure,
        "It holds beside a single server; beside Pusher there is as much to run, and less to be told.",
    )


def scale_yourself(evidence: Evidence) -> Finding:
    measured, slug = evidence.shared_store, "raw_websocket"
    alone, one, two = (measured.cpu_us(slug, choice).total.value for choice in (ALONE, ONE_WORKER, TWO_WORKERS))
    later = wording.duration(measured.cross_process_ms(slug, ONE_WORKER.store).difference.value)
    return holds_if(
        alone < one < two,
        f"CPU per delivery: {alone:.0f} us alone, {one:.0f} over a shared store, {two:.0f} with a second "
        f"worker, which is {later} away; {measured.evidence}",
        "A second process takes a store that both share, and costs before it helps; the protocol needs nothing else.",
    )


def single_server(evidence: Evidence) -> Finding:
    parts, outages = evidence.parts[SINGLE], evidence.outages
    outages = outages[outages["deployment"] == SINGLE]
    silent_s = outages.groupby("failure")["silent_s"].max()
    return holds_if(
        len(parts["own"]) == 1 and not parts["rented"] and outages["lost"].sum() == 0,
        f"{wording.counted(len(parts['own']), 'program')}; somebody saw nothing for "
        f"{silent_s['push_server_killed']:.1f} s when killed, for {silent_s['new_version']:.1f} s when replaced; "
        f"{lost(outages)}",
        "It is also all that there is: while it restarts, everybody waits, and all lines break.",
    )


def more_expensive(evidence: Evidence) -> Finding:
    def usd(deployment: str, users: int, host: str = "") -> float:
        return bill(deployment, Activity(users), evidence.rates, evidence.prices, host=host).usd

    machine, managed = ({n: usd(name, n, host) for n in (FEW, MANY)} for name, host in COMPARED)
    figure = (
        f"{FEW} users: ${machine[FEW]:.0f} a month on a machine of one's own, ${managed[FEW]:.0f} with Pusher, "
        f"${usd(SINGLE, FEW):.0f} on a host with a free credit; {MANY:,} users: ${machine[MANY]:.0f} and "
        f"${managed[MANY]:.0f}"
    )
    if machine[FEW] <= managed[FEW]:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        machine[MANY] < managed[MANY],
        figure,
        "It holds when users are few and private, and the host has no free plan; of many the rented line costs more.",
    )


def speaks_at_once(evidence: Evidence) -> Finding:
    result = _result(evidence, "as_written")
    threw = "threw" in result
    figure = f"node: {result['threw']}: {result['message']}" if threw else f"node: {result['received']!r} was heard"
    return no_longer_if(
        threw,
        figure,
        "A line opens later than its constructor returns; to speak in `onopen` mends it, in Chromium as in node.",
    )


def relays_as_it_came(evidence: Evidence) -> Finding:
    written, corrected = (_result(evidence, "corrected", server)["type"] for server in ("as_written", "corrected"))
    return holds_when(
        written != corrected,
        f"text is heard as a {written}; corrected, as a {corrected}",
        "It holds when the data are binary; text must be sent on as text (`{ binary: isBinary }`), or it arrives as a "
        "Buffer in node and as a Blob in a browser.",
    )


def _result(evidence: Evidence, client: str, server: str = "as_written") -> dict[str, str]:
    """Return what a WebSocket client received or threw when node ran it against a server."""
    pair = {"server": f"websocket_server_{server}.mjs", "client": f"websocket_client_{client}.mjs"}
    runs = evidence.code[f"WebSocket in JavaScript, {server.replace('_', ' ')}"]["in_node"]
    result: dict[str, str] = next(each["result"] for each in runs if pair.items() <= each.items())
    return result
