"""How claims about the three ways out are tested: on their parts, drills and bills, and on the shortest code."""

from dataclasses import replace

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.claims.claim import CONTRADICTED, Evidence, Finding, Verdict, holds_if, holds_when, no_longer_if
from notebooks.analysis.deployments.renting import counted_per_message, minutes_a_day
from notebooks.analysis.deployments.reports import RENTING, SEPARATE, SINGLE, STORE
from notebooks.analysis.deployments.side_by_side import lost, vendors
from notebooks.analysis.runs import Run
from notebooks.analysis.sharing import Backing
from results.costs.activity import Activity
from results.costs.break_even import last_free
from results.costs.deployments import bill, bills

FEW, MANY, MOST = 10, 1_000, 100_000
PARTS = ("program", "link", "setting")
DAY_MINUTES = 24 * 60
ALONE, ONE_WORKER, TWO_WORKERS = ("sqlite", 1), ("redis", 1), ("redis", 2)
COMPARED = ((SINGLE, "vps"), (RENTING, ""))
"""Whose bills are compared: options, and the hosts of their code; a machine of one's own has no free plan."""
SHORTEST = (("Pusher", "without an API"), ("WebSocket", "corrected"))


def easy_setup(evidence: Evidence) -> Finding:
    code = evidence.code
    calls = [code[f"{name} in JavaScript, {which}"]["lines"] for name, which in SHORTEST]
    rented, raw = (code[f"{name} chat in Python"] for name in ("Pusher", "WebSocket"))
    figure = (
        f"JavaScript: {calls[0]} lines by Pusher, {calls[1]} by WebSocket; a whole chat in Python: {rented['lines']} "
        f"and {raw['lines']}, with {len(rented['credentials'])} credentials and {len(raw['credentials'])}"
    )
    if calls[0] > calls[1]:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        rented["lines"] > raw["lines"],
        figure,
        "It holds when an API is there already and has only to publish; whoever must write one too writes more.",
    )


def free_tier(evidence: Evidence) -> Finding:
    measured, prices = evidence.rates, evidence.prices
    talk, large = evidence.run("conversation"), evidence.run("large_room")
    sandbox = prices.service("pusher").plans[0].included["messages_per_day"]
    lasts = minutes_a_day(talk, sandbox)
    by_users = bills(Activity(1), measured, prices)[RENTING]
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
    drills = evidence.drills
    hangs, gone = (drills[drills["failure"] == name] for name in ("vendor_hangs", "vendor_unreachable"))
    return holds_if(
        gone["silent_s"].min() > gone["lasted_s"].min(),
        f"the vendor out of reach for {gone['lasted_s'].median():.0f} s: somebody saw nothing for "
        f"{gone['silent_s'].max():.1f} s; hanging as long: a send waited {hangs['unacknowledged_s'].max():.1f} s; "
        f"{lost(pd.concat([hangs, gone]))}",
        "A log of one's own makes the vendor's outage cost time, and no message; nobody is told while it lasts.",
    )


def no_external_service(evidence: Evidence) -> Finding:
    rented = evidence.parts[SEPARATE]["rented"]
    vendors_of = {option: vendors(option, evidence.rates, evidence.prices) for option in (SEPARATE, RENTING, SINGLE)}
    senders = ", ".join(map(str.title, vendors_of[SEPARATE]))
    here, there, alone = map(len, vendors_of.values())
    figure = (
        f"{wording.counted(len(rented), 'push service')}; bills from {senders}: {here} vendors, with Pusher {there}, "
        f"on a single server {alone}"
    )
    if rented:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        bool(vendors_of[SEPARATE]), figure, "It holds of the push service only: its own drawing has three hosts to pay."
    )


def two_servers(evidence: Evidence) -> Finding:
    ours = {option: [role for role in found["own"] if role != STORE] for option, found in evidence.parts.items()}
    drills = evidence.drills[evidence.drills["deployment"] == SEPARATE]
    killed = drills[drills["failure"] == "api_host_killed"]
    return holds_if(
        len(ours[SEPARATE]) == 2 > len(ours[RENTING]),
        f"{len(ours[SEPARATE])} programs of one's own and a database; with Pusher {len(ours[RENTING])} and a database, "
        f"else {len(ours[SINGLE])}; with the API's host killed {killed['connections_broken'].sum()} lines broke, "
        f"and a send waited {killed['unacknowledged_s'].max():.1f} s",
        "What it buys: each of the two can fail or be replaced without the other; lines outlast the API, though nobody "
        "can send until it is back.",
    )


def more_complex(evidence: Evidence) -> Finding:
    parts = evidence.parts
    counts = {
        option: (len(found["own"] + found["rented"]), len(found["links"]), len(found["settings"]))
        for option, found in parts.items()
    }
    told = {option: ", ".join(map(wording.counted, count, PARTS)) for option, count in counts.items()}
    figure = f"{told[SEPARATE]}; with Pusher {told[RENTING]}; on a single server {told[SINGLE]}"
    if any(here <= there for here, there in zip(counts[SEPARATE], counts[SINGLE], strict=True)):
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        counts[SEPARATE][2] < counts[RENTING][2],
        figure,
        "It holds beside a single server; beside Pusher there is as much to run, and less to be told.",
    )


def scale_yourself(evidence: Evidence) -> Finding:
    sharing, slug = evidence.sharing, "raw_websocket"
    alone, *shared = (sharing.cpu_us(slug, Backing(*of)).total.value for of in (ALONE, ONE_WORKER, TWO_WORKERS))
    hop = wording.duration(sharing.hop_ms(slug, ONE_WORKER[0]).longer.value)
    figure = (
        f"CPU per delivery: {alone:.0f} us alone, {shared[0]:.0f} over a shared store, {shared[1]:.0f} with a second "
        f"worker, which is {hop} away; {sharing.evidence}"
    )
    return holds_if(
        alone < shared[0] < shared[1],
        figure,
        "A second process takes a store that both share, and costs before it helps; the protocol needs nothing else.",
    )


def single_server(evidence: Evidence) -> Finding:
    found, drills = evidence.parts[SINGLE], evidence.drills
    drills = drills[drills["deployment"] == SINGLE]
    silent = drills.groupby("failure")["silent_s"].max()
    killed_s, replaced_s = silent["push_server_killed"], silent["new_version"]
    return holds_if(
        len(found["own"]) == 1 and not found["rented"] and drills["lost"].sum() == 0,
        f"{wording.counted(len(found['own']), 'program')}; somebody saw nothing for {killed_s:.1f} s when killed, "
        f"for {replaced_s:.1f} s when replaced; {lost(drills)}",
        "It is also all that there is: while it restarts, everybody waits, and all lines break.",
    )


def more_expensive(evidence: Evidence) -> Finding:
    measured, prices = evidence.rates, evidence.prices

    def usd(option: str, users: int, host: str = "") -> float:
        return bill(option, replace(Activity(1), users=users), measured, prices, host=host).usd

    machine, rented = ({n: usd(option, n, host) for n in (FEW, MANY)} for option, host in COMPARED)
    trial = usd(SINGLE, FEW)
    figure = (
        f"{FEW} users: ${machine[FEW]:.0f} a month on a machine of one's own, ${rented[FEW]:.0f} with Pusher, "
        f"${trial:.0f} on a host with a free credit; {MANY:,} users: ${machine[MANY]:.0f} and ${rented[MANY]:.0f}"
    )
    if machine[FEW] <= rented[FEW]:
        return Finding(Verdict.NO_LONGER, figure, CONTRADICTED)
    return holds_when(
        machine[MANY] < rented[MANY],
        figure,
        "It holds when users are few and private, and the host has no free plan; of many the rented line costs more.",
    )


def speaks_at_once(evidence: Evidence) -> Finding:
    told = _told(evidence, "as_written")
    threw = "threw" in told
    figure = f"node: {told['threw']}: {told['message']}" if threw else f"node: {told['received']!r} was heard"
    return no_longer_if(
        threw,
        figure,
        "A line opens later than its constructor returns; to speak in `onopen` mends it, in Chromium as in node.",
    )


def relays_as_it_came(evidence: Evidence) -> Finding:
    told, mended = _told(evidence, "corrected"), _told(evidence, "corrected", "corrected")
    return holds_when(
        told["type"] != mended["type"],
        f"text is heard as a {told['type']}; corrected, as a {mended['type']}",
        "It holds when the data are binary; text must be sent on as text (`{ binary: isBinary }`), or it arrives as a "
        "Buffer in node and as a Blob in a browser.",
    )


def _told(evidence: Evidence, client: str, server: str = "as_written") -> dict[str, str]:
    """Return what a WebSocket client told when node ran it against a server."""
    pair = {"server": f"websocket_server_{server}.mjs", "client": f"websocket_client_{client}.mjs"}
    ran = evidence.code[f"WebSocket in JavaScript, {server.replace('_', ' ')}"]["in_node"]
    told: dict[str, str] = next(each["result"] for each in ran if pair.items() <= each.items())
    return told
