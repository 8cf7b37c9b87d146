"""How claims about the three deployments are tested: on their parts, outages and bills, and on the shortest code."""

import pandas as pd

from notebooks.analysis import wording
from notebooks.analysis.claims.claim import Evidence, Observed
from notebooks.analysis.deployments import reports
from notebooks.analysis.deployments.managed import counted_per_message, minutes_until_used
from notebooks.analysis.deployments.reports import MANAGED, SEPARATE, SINGLE, STORE
from notebooks.analysis.deployments.side_by_side import half_within_ms, lost
from notebooks.analysis.quantiles import resolution_on
from notebooks.analysis.shared_store import StoreChoice, load_shared_store
from results.costs.deployments import bill, bills, last_free
from results.costs.metering import Activity
from results.costs.plans import load_prices

FEW, MANY, MOST = 10, 1_000, 100_000
PARTS = ("program", "link", "setting")
DAY_MINUTES = 24 * 60
ALONE, ONE_WORKER, TWO_WORKERS = StoreChoice("sqlite", 1), StoreChoice("redis", 1), StoreChoice("redis", 2)
COMPARED = ((SINGLE, "vps"), (MANAGED, ""))
"""The deployments whose bills are compared, and the hosts of their code; a rented machine has no free plan."""
SHORTEST = (("Pusher", "without an API"), ("WebSocket", "corrected"))


def easy_setup(evidence: Evidence) -> Observed:
    code = reports.code(evidence.folder)
    calls = [code[f"{name} in JavaScript, {which}"]["lines"] for name, which in SHORTEST]
    managed, raw = (code[f"{name} chat in Python"] for name in ("Pusher", "WebSocket"))
    figure = (
        f"JavaScript: {calls[0]} lines by Pusher, {calls[1]} by WebSocket; a whole chat in Python: {managed['lines']} "
        f"and {raw['lines']}, with {len(managed['credentials'])} credentials and {len(raw['credentials'])}"
    )
    return Observed(None if calls[0] > calls[1] else managed["lines"] > raw["lines"], figure)


def free_tier(evidence: Evidence) -> Observed:
    talk, large = evidence.run("conversation"), evidence.run("large_room")
    sandbox = load_prices().plans["pusher"][0].included["messages_per_day"]
    lasts = minutes_until_used(talk, sandbox)
    by_users = bills(Activity(1), evidence.rates, load_prices())[MANAGED]
    users = last_free(by_users, MOST)
    ends = ", ".join(limit.capitalize().replace(": ", "'s ") for limit in by_users(users + 1).exceeded)
    counts = " and ".join(wording.amount(counted_per_message(run).value) for run in (talk, large))
    sizes = " and ".join(str(run.cells["room_size"].iloc[0]) for run in (talk, large))
    return Observed(
        lasts < DAY_MINUTES,
        f"a message counts {counts} in rooms of {sizes}; the conversation of {talk.cells['users'].max()} uses up "
        f"{sandbox:,} in {lasts:.0f} minutes; free for {users} users ({ends})",
    )


def external_dependency(evidence: Evidence) -> Observed:
    outages = reports.outages(evidence.folder)
    hangs, gone = (outages[outages["failure"] == name] for name in ("vendor_hangs", "vendor_unreachable"))
    return Observed(
        gone["silent_s"].min() > gone["lasted_s"].min(),
        f"the vendor out of reach for {gone['lasted_s'].median():.0f} s: somebody saw nothing for "
        f"{gone['silent_s'].max():.1f} s; hanging as long: a send waited {hangs['unacknowledged_s'].max():.1f} s; "
        f"{lost(pd.concat([hangs, gone]))}",
    )


def two_servers(evidence: Evidence) -> Observed:
    parts = reports.parts(evidence.folder)
    own = {name: len([role for role in parts[name]["own"] if role != STORE]) for name in parts}
    outages = reports.outages(evidence.folder)
    killed = outages[(outages["deployment"] == SEPARATE) & (outages["failure"] == "api_host_killed")]
    return Observed(
        own[SEPARATE] == 2 and own[MANAGED] < 2,
        f"{own[SEPARATE]} programs of one's own and a database; with Pusher {own[MANAGED]} and a database, "
        f"else {own[SINGLE]}; with the API's host killed {killed['connections_broken'].sum()} connections broke, and a "
        f"send waited {killed['unacknowledged_s'].max():.1f} s",
    )


def more_complex(evidence: Evidence) -> Observed:
    counts = {
        name: (len(parts["own"] + parts["rented"]), len(parts["links"]), len(parts["settings"]))
        for name, parts in reports.parts(evidence.folder).items()
    }
    texts = {name: ", ".join(map(wording.counted, count, PARTS)) for name, count in counts.items()}
    figure = f"{texts[SEPARATE]}; with Pusher {texts[MANAGED]}; on a single server {texts[SINGLE]}"
    if any(here <= there for here, there in zip(counts[SEPARATE], counts[SINGLE], strict=True)):
        return Observed(None, figure)
    return Observed(counts[SEPARATE][2] < counts[MANAGED][2], figure)


def scale_yourself(evidence: Evidence) -> Observed:
    measured = load_shared_store(evidence.folder)
    slug = "raw_websocket"
    one, two = (measured.cpu_ratio(slug, choice, ALONE) for choice in (ONE_WORKER, TWO_WORKERS))
    times = [wording.with_limits(found, "{:.1f}".format) for found in (one, two)]
    later_ms = measured.cross_process_ms(slug, ONE_WORKER.store).difference.value
    later = wording.difference(later_ms, resolution_on(evidence.folder, measured.record["machine"])[0.50])
    return Observed(
        1 < one.value < two.value,
        f"CPU per delivery, as a multiple of that of a process alone: {times[0]} over a shared store, {times[1]} with "
        f"a second worker, to whose users the latency is {later}; {measured.evidence}",
    )


def single_server(evidence: Evidence) -> Observed:
    parts = reports.parts(evidence.folder)[SINGLE]
    outages = reports.outages(evidence.folder)
    outages = outages[outages["deployment"] == SINGLE]
    silent_s = outages.groupby("failure")["silent_s"].max()
    return Observed(
        len(parts["own"]) == 1 and not parts["rented"] and outages["lost"].sum() == 0,
        f"{wording.counted(len(parts['own']), 'program')}; somebody saw nothing for "
        f"{silent_s['push_server_killed']:.1f} s when killed, for {silent_s['new_version']:.1f} s when replaced; "
        f"{lost(outages)}",
    )


def more_expensive(evidence: Evidence) -> Observed:
    def usd(deployment: str, users: int, host: str = "") -> float:
        return bill(deployment, Activity(users), evidence.rates, load_prices(), host=host).usd

    machine, managed = ({FEW: usd(name, FEW, host), MANY: usd(name, MANY, host)} for name, host in COMPARED)
    figure = (
        f"{FEW} users: ${machine[FEW]:.0f} a month on a machine of one's own, ${managed[FEW]:.0f} with Pusher, "
        f"${usd(SINGLE, FEW):.0f} on a host with a free credit; {MANY:,} users: ${machine[MANY]:.0f} and "
        f"${managed[MANY]:.0f}"
    )
    return Observed(None if machine[FEW] <= managed[FEW] else machine[MANY] < managed[MANY], figure)


def keep_pusher(evidence: Evidence) -> Observed:
    parts = reports.parts(evidence.folder)
    both = (MANAGED, SINGLE)
    programs = [len(parts[name]["own"] + parts[name]["rented"]) for name in both]
    late = [half_within_ms(evidence.folder, name) for name in both]
    seen = [wording.duration(ms) for ms in late]
    by_users = bills(Activity(1), evidence.rates, load_prices())
    usd = [by_users[name](MANY).usd for name in both]
    return Observed(
        all(single < managed for managed, single in (programs, late, usd)),
        f"with Pusher {programs[0]} programs, p50 {seen[0]} on one machine, ${usd[0]:,.0f} a month for {MANY:,} "
        f"users; on a single server {wording.counted(programs[1], 'program')}, {seen[1]}, ${usd[1]:,.0f}",
    )


def pusher_code_runs(evidence: Evidence) -> Observed:
    (ran,) = reports.code(evidence.folder)["Pusher in JavaScript, without an API"]["in_node"]
    received = ran["result"].get("received", "nothing")
    return Observed(True if received == "Hello!" else None, f"node: published 'Hello!', received {received!r}")


def speaks_at_once(evidence: Evidence) -> Observed:
    result = _result(evidence, "as_written")
    threw = "threw" in result
    figure = f"node: {result['threw']}: {result['message']}" if threw else f"node: {result['received']!r} arrived"
    return Observed(threw, figure)


def relays_as_it_came(evidence: Evidence) -> Observed:
    written, corrected = (_result(evidence, "corrected", server)["type"] for server in ("as_written", "corrected"))
    return Observed(written != corrected, f"text arrives as a {written}; corrected, as a {corrected}")


def _result(evidence: Evidence, client: str, server: str = "as_written") -> dict[str, str]:
    """Return what a WebSocket client received or threw when node ran it against a server."""
    programs = (f"websocket_server_{server}.mjs", f"websocket_client_{client}.mjs")
    runs = reports.code(evidence.folder)[f"WebSocket in JavaScript, {server.replace('_', ' ')}"]["in_node"]
    result: dict[str, str] = next(run["result"] for run in runs if (run["server"], run["client"]) == programs)
    return result
