# %% [markdown]
# # Rent the connections, or own them?
#
# **Own them, as long as one server is enough; rent them if you only have functions.** One server has the fewest parts
# and the shortest way for each message, and on a host with a free credit it costs the least as long as one process is
# enough. Renting adds a transit to every message. The vendor counts every delivery, and an outage of the vendor is an
# outage of your chat. What you get: connections that survive each new version of your code, and no server to maintain.
# Whatever failed, in each of the three, no acknowledged message was lost.

# %%
from dataclasses import replace
from math import inf

from notebooks.analysis import wording
from notebooks.analysis.deployments import reports, side_by_side
from notebooks.analysis.runs import chosen_folder
from results.costs.deployments import bills, measured_in
from results.costs.metering import Activity
from results.costs.plans import load_prices

folder, prices, usual, MOST = chosen_folder(), load_prices(), Activity(users=1), 100_000
measured = measured_in(folder)
by_users = bills(usual, measured, prices)
side_by_side.side_by_side(folder, measured, prices, usual)

# %%
single, others = by_users[reports.SINGLE], [by_users[name] for name in (reports.MANAGED, reports.SEPARATE)]
enough = [users for users in (1, 10, 100, 1_000, 10_000, MOST) if single(users).usd < inf]
assert len(enough) >= 5 and all(single(users).usd <= min(bill(users).usd for bill in others) for users in enough)
programs = {deployment: len(found["own"]) for deployment, found in reports.parts(folder).items()}
assert min(programs, key=programs.__getitem__) == reports.SINGLE
assert min(by_users, key=lambda deployment: side_by_side.half_within_ms(folder, deployment)) == reports.SINGLE
everything = reports.outages(folder)
assert everything["lost"].sum() == 0
print(f"{side_by_side.lost(everything)}, in {len(everything)} outages")

# %% [markdown]
# The three are the source document's: an API of functions with Pusher beside it; functions and your own WebSocket
# server, with a database between; and one server with its log in a file. All run here as processes on one machine, with
# a stand-in for Pusher and a model of a host that runs our servers as functions. So latencies are without a network.
# The price of a month is computed: counts as measured, prices as listed, for users who are online for two hours a day
# and send twenty events an hour to rooms of ten.
#
# ## The extra hop
#
# The API must send each message to the service that holds the connections. That is one transit more: d to the API, s
# to the service, and d to the reader, where a server of your own takes 2 d. To see it, we put delays between clients,
# servers and service.

# %%
from notebooks.analysis.deployments import managed
from notebooks.analysis.figures import curves
from notebooks.analysis.figures.style import picture

panels = [
    curves.Panel(title, "API to service, one way, ms", managed.third_transit(folder, percent), wording.duration)
    for title, percent in (("median delivery", 50), ("p95", 95))
]
title = "Renting adds the way to the service, and more for one in twenty"
subtitle = (
    "Clients are 50 ms from their servers; a local stand-in for Pusher. The pale bands are drawn from delays alone"
)
picture(curves.draw, curves.on_one_scale(panels), title, subtitle)

# %%
for curve in panels[0].curves:
    for delay_ms, found, predicted in zip(curve.x, curve.points, curve.theory, strict=True):
        print(f"{curve.name}, {delay_ms:g} ms: {found.value:.0f} ms measured, {predicted:.0f} ms predicted")
        assert abs(found.value - predicted) < 10
rented = panels[1].curves[0]
assert rented.points[-1].value > panels[0].curves[0].points[-1].value + rented.x[-1]

# %% [markdown]
# Why one in twenty waits longer: a connection to the service carries one publish at a time. The next message needs
# another connection, and opening one takes a round trip first. More connections are open if the service is far away
# than if it is near:

# %%
from notebooks.analysis.runs import points

kept = {}
for point, run in points(folder, "third_transit").items():
    cells = run.cells_of("pusher_adapter")
    of_users = 2 * cells["users"]  # each has one to the API, one to the service
    kept[point] = (cells["connections"] - of_users).median()
    print(f"{point}: {kept[point]:.0f} connections to publish on")
near, *far = kept.values()
assert near < min(far)

# %% [markdown]
# ## What the vendor counts
#
# Every publish is a message, and so is every delivery ([Pusher's own
# rule](https://docs.bird.com/pusher/channels/channels/limits/how-is-my-message-count-calculated-in-channels)). So a
# message to a room of n counts n + 1. The loads of this run, at their own pace, against the 200,000 a day of the free
# plan (2026-05-08):

# %%
sandbox = prices.plans["pusher"][0]
free_a_day = int(sandbox.included["messages_per_day"])
assert (sandbox.usd, free_a_day, sandbox.included["connections"]) == (0, 200_000, 100)
managed.counting(folder, free_a_day, int(sandbox.included["connections"]))

# %% [markdown]
# Typing notices, receipts and presence are events as well (the row "signals"), so there a message counts more than
# three and a half times as much. Which of the plan's two limits is reached first? See the last column: while a hundred
# users are connected, each may send that many messages in a day. Users who send fewer reach the limit on connections
# first; users who send more reach the limit on messages first. The demo shows both counters in its Pusher lane, and
# `python -m servers pusher_service --connections 100 --messages-a-day 200000` refuses what is beyond them, as the
# vendor does.

# %%
from notebooks.analysis.runs import load

talk, signals = (managed.counted_per_message(load(folder, name)).value for name in ("conversation", "signals"))
assert talk == 11 and 3.5 < signals / talk < 4
print(f"{free_a_day:,} are {free_a_day / talk:,.0f} messages a day, or {free_a_day / signals:,.0f} with their signals")

# %% [markdown]
# But usually a third limit ends the free tier: the requests to Vercel's functions. A client of the adapter renews its
# presence every ten seconds, by such a request. Which limit comes first depends on how many events each user sends, and
# to how many recipients:

# %%
SIZES = (2, 5, 10, 20, 50, 100, 200, 500)
suffices, first = {}, {}
for sent in (20, 120):
    talks = {size: replace(usual, events_per_hour=sent, room_size=size) for size in SIZES}
    by_size = {size: managed.free_users(measured, prices, talk, MOST)["heartbeats"] for size, talk in talks.items()}
    first[sent] = [min(users, key=users.__getitem__) for users in by_size.values()]
    for (service, _), limit in managed.LIMITS.items():
        suffices[f"{service.title()}'s {limit}, {sent} events an hour from each user"] = {
            f"rooms of {size}": f"{users[limit]:,} users" for size, users in by_size.items()
        }
wording.table(suffices)

# %%
assert set(first[20]) == {"requests"}
assert first[120] == ["messages" if size >= 50 else "requests" for size in SIZES]
print("The first limit, at 120 events an hour, by room size:", ", ".join(map("{}: {}".format, SIZES, first[120])))

# %% [markdown]
# Requests end the free tier, unless users send much in large rooms: then messages do. Vercel's free plan is for private
# use only. For the largest rooms the figures stay the same, since a room cannot have more members than the plan allows
# users: then a room holds all of them, and no more. Of Pusher's own two limits, the one on connections comes first for
# users who send little in rooms of ten: a connection counts even if nothing is sent on it. In large rooms the limit on
# messages may come first. These are Pusher's plans, for the users of all that follows:

# %%
assert all(
    managed.users_within(measured, prices, usual, ("pusher", "connections"), 10 * MOST, plan)
    < managed.users_within(measured, prices, usual, ("pusher", "messages_per_day"), 10 * MOST, plan)
    for plan in range(len(prices.plans["pusher"]))
)
managed.plans_table(measured, prices, usual, 10 * MOST)

# %% [markdown]
# ## Without heartbeats
#
# The vendor intends another way. On a *presence channel* the service itself knows who is connected, notifies the other
# members, and notifies the API by signed *webhooks*; nobody sends a heartbeat. `--presence webhook` does that. A join
# keeps its user online for 30 s; once a webhook has confirmed it, for 300 s, which the API renews by the service's list
# of members. Each page shows whether something before it is missing, so a client asks only after 120 s of silence. Then
# it finds a last message that was lost; with heartbeats it finds it within ten seconds. Both ways under the same load,
# 40 people in rooms of ten, who send little, and leave and come back now and then:

# %%
upkeep, reads = (managed.presence_per_minute(folder, f"requests_{what}") for what in ("upkeep", "receive"))
for name, asked in upkeep.items():
    print(f"{name}: {asked:.1f} requests of upkeep and {reads[name]:.1f} reads of each user in a minute")
assert upkeep["webhooks"] + reads["webhooks"] < (upkeep["heartbeats"] + reads["heartbeats"]) / 2

# %% [markdown]
# On a serverless host each request is a call of a function. On each of the four hosts of [notebook
# 05](05_the_serverless_problem.ipynb), eight people talked, and nobody came or left. It was never silent for the 120 s
# after which clients read:

# %%
from notebooks.analysis.serverless import load_hosted

for name, where in (("heartbeats", folder), ("webhooks", folder / managed.PRESENCE_BY)):
    hosted = load_hosted(where)
    counts = [hosted.row("pusher_adapter", host).figures for host in hosted.hosts]
    calls = [each["invocations"] / each["messages"] for each in counts]
    fewest, most = f"{min(calls):.1f}", f"{max(calls):.1f}"
    print(f"{name}: {fewest if fewest == most else f'{fewest} to {most}'} calls a message")
    assert len(calls) == 4 and (max(calls) < 1.1) == (name == "webhooks")

# %% [markdown]
# What is left of upkeep is coming and going: a join, an authorization, and two webhooks for each visit. By that and by
# the constants above, for users who come four times a day, the free plans are enough for:

# %%
free = managed.free_users(measured, prices, usual, MOST)
wording.table({name: {limit: f"{users:,} users" for limit, users in row.items()} for name, row in free.items()})

# %%
sizes = [replace(usual, room_size=size) for size in SIZES if size <= 100]
for rooms in [usual, *sizes]:
    limits = managed.free_users(measured, prices, rooms, MOST)
    assert min(limits["heartbeats"], key=limits["heartbeats"].__getitem__) == "requests"
    assert limits["webhooks"]["connections"] == 300 < limits["webhooks"]["requests"]
print(f"In rooms of {sizes[0].room_size} to {sizes[-1].room_size}, functions are enough for more than 300 users, too")

# %% [markdown]
# So the vendor's plan ends the free tier, and the functions do not. The price: notices of members are messages, too,
# and a presence channel has 100 members at most, so a larger room needs heartbeats. All other figures for Pusher here
# are measured and billed with heartbeats.
#
# ## What there is to run
#
# We counted these in the running programs while two people chatted; the settings come from the deployment files.

# %%
side_by_side.parts_table(folder, measured, prices)

# %% [markdown]
# Your own WebSocket server beside the functions has as many programs and vendors as Pusher, one link more, and fewer
# settings. How much there is to write, counted on the shortest whole chat of each kind:

# %%
parts = reports.parts(folder)
separate, managed_parts = parts[reports.SEPARATE], parts[reports.MANAGED]
assert len(separate["own"] + separate["rented"]) == len(managed_parts["own"] + managed_parts["rented"])
assert len(separate["links"]) == len(managed_parts["links"]) + 1
assert len(separate["settings"]) < len(managed_parts["settings"])
side_by_side.code_table(folder)

# %% [markdown]
# ## Under the same load
#
# Twenty load users in two rooms of ten talk over each deployment in its own configuration. All its programs share one
# core. So this shows how much work a delivery takes, and not what a network between them would add. Two things are not
# counted, since only this machine needs them: our supervisor, and our model of a serverless host. Memory is that of all
# programs except the database. In parentheses: the lowest and the highest of five repeats, which enclose the true
# median in 15 of 16 cases.

# %%
side_by_side.load_table(folder)

# %%
rows = side_by_side.under_load(folder)
half_ms, cpu_each, memory = (
    figures.groupby(rows["deployment"]).median()
    for figures in (side_by_side.median_ms(rows), side_by_side.cpu_us(rows), side_by_side.resident_mib(rows))
)
for name in (reports.MANAGED, reports.SEPARATE):
    assert cpu_each[name] > 3 * cpu_each[reports.SINGLE] and memory[name] > 3 * memory[reports.SINGLE]
    assert half_ms[name] > 2 * half_ms[reports.SINGLE]
assert half_ms[reports.SEPARATE] > half_ms[reports.MANAGED]
assert (rows["deployment"].value_counts() == 5).all() and (rows["trials"] == 1).all(), "none void, none repeated"
print(f"{rows['delivered'].sum():,} deliveries, {rows['lost'].sum()} lost, in {len(rows)} windows, none void")

# %% [markdown]
# Dividing a chat among programs multiplies the work: one program receives a message, another stores it, a third sends
# it, and each of them reads and writes it. Your own server beside functions is no faster than Pusher while nothing is
# far away: its messages go to a function and come back through the database. Functions also need more memory: twenty
# people who come at once start several instances, and each is a whole server.
#
# ## When something fails
#
# Eight people talk in one room, each says something every half second, and something breaks. The vendor's outages last
# five seconds. Whatever else is killed is started again at once; here that includes the host of the API. If you rent
# functions, you cannot restart their host: its outage would look like this drill, and last for as long as the vendor
# needs. What is restarted at once is back within a second. A vendor's outage lasts to its end, or longer:

# %%
outages, people = reports.outages(folder), reports.people(folder)
side_by_side.outages_table(outages, people)

# %%
vendor, ours = [outages[outages["failure"].str.startswith("vendor") == vendors] for vendors in (True, False)]
assert ours["silent_s"].max() < 1 and ours["unacknowledged_s"].max() < 1
instances, hosts = [ours[ours["failure"] == f"api_{what}_killed"] for what in ("instances", "host")]
assert instances["unacknowledged_s"].median() < hosts["unacknowledged_s"].median()
assert hosts["lasted_s"].max() < 0.3 and hosts["connections_broken"].sum() == 0
assert (vendor["silent_s"] > vendor["lasted_s"] - 0.1).all()
renewed = outages[outages["failure"] == "new_version"].groupby("deployment")["connections_broken"].max()
assert renewed[reports.MANAGED] == 0 < min(renewed[reports.SEPARATE], renewed[reports.SINGLE])
made = f"{people} people, {outages['repeat'].nunique()} repeats, one machine, a local stand-in for Pusher"
print(f"{made}: {side_by_side.lost(outages)}")

# %% [markdown]
# The advantage of renting: a new version of your own code breaks no connection, since it holds none. The disadvantage:
# while the vendor cannot be reached, messages are accepted and stored, but nobody receives them; and clients that wait
# between their attempts come back some seconds after the vendor does. A vendor that hangs is worse for senders, who
# wait for it.
#
# When the host of the API is killed, connections stay open, so no client reconnects; but nobody can send. The host
# listens again after a fifth of a second. Then its first instances start cold, which is the whole delay if only they
# are killed; and clients pause between their attempts.
#
# ## The bill
#
# From the counts of this run and list prices, for users who are each online for two hours a day, in a chat that is used
# for twelve. The counts are those of at most 400 users at once; for more, the same counts for each delivery are
# assumed.

# %%
from notebooks.analysis.deployments import monthly_bills

bought = [monthly_bills.curve(name, each, MOST) for name, each in by_users.items()]
panel = curves.Panel("US dollars a month", "users", bought, "${:,.0f}".format, log_x=True, linear_y=10)
title = "A single server is free for the most users, and costs the least as long as one process is enough"
measure = "At powers of ten, and at the last free user, ringed; a cross: no plan is large enough. Beyond 400 "
measure += "users at once, the same counts for each delivery are assumed"
picture(curves.draw, [panel], title, f"{measure}\nList prices of private use at Vercel, Pusher, Neon and Railway")

# %%
ends = {name: monthly_bills.free_end(each, MOST) for name, each in by_users.items()}
assert ends[reports.SEPARATE].users == 0 < ends[reports.MANAGED].users < ends[reports.SINGLE].users
cheaper = next(n for n in range(1, MOST) if by_users[reports.SEPARATE](n).usd < by_users[reports.MANAGED](n).usd)
wording.Prose(
    f"**{reports.NAMES[reports.MANAGED]}** is free for {ends[reports.MANAGED].users:,} users "
    f"({ends[reports.MANAGED].limit}), **{reports.NAMES[reports.SINGLE]}** for {ends[reports.SINGLE].users:,} "
    f"({ends[reports.SINGLE].limit}). **{reports.NAMES[reports.SEPARATE]}** is free for nobody: a server that waits "
    f"for news from its database never lets it sleep, which is ${by_users[reports.SEPARATE](1).usd:.0f} a month from "
    f"the first user on. From {cheaper} users on it is cheaper than Pusher."
)

# %% [markdown]
# All this is private use, for which alone Vercel's free plan is. A commercial chat needs the Pro plan, at $20 a month,
# from its first user on, unless it runs on a single server.

# %%
hobby, pro = prices.plans["vercel"]
assert (hobby.commercial, pro.commercial, pro.usd) == (False, True, 20)
assert all(plan.commercial for plan in prices.plans["railway"])
side_by_side.bill_table(measured, prices, usual)

# %% [markdown]
# ## What the bill leaves out
#
# People's time, and what Pusher's machines do better than a stand-in of ours can show. A single server's free credit is
# one host's (Railway, at second hand: $1 a month). Your own machine costs about five dollars from its first user:

# %%
from results.costs.deployments import bill as month

machine = month(reports.SINGLE, usual, measured, prices, host="vps").usd
until = next(users for users in range(1, MOST) if by_users[reports.MANAGED](users).usd > machine)
assert machine > 0 and until == ends[reports.MANAGED].users + 1
print(f"${machine:.0f} a month for your own machine: more than renting up to {until - 1} users, less from {until} on")

# %% [markdown]
# What the source document says of the three options and of their code, each claim with the figure that tests it, is in
# [notebook 09](09_which_one_when.ipynb).
