# %% [markdown]
# # What does a serverless host do to each transport?
#
# **It cuts long connections and charges for waiting; it loses no message.** Short polling and the Pusher adapter work
# on every host that we modelled. They need two to seven seconds of function time per user and hour. Long polling and
# event streams are degraded on the classic hosts: most of the hour is billed, and where the limit is short they are cut
# again and again. On the host of 2026 several calls share an instance, so waiting is cheap: long polling works; streams
# and WebSockets are by theory cut every five minutes. A raw WebSocket fails on the classic hosts, which refuse
# upgrades.

# %%
from notebooks.analysis import wording
from notebooks.analysis.figures import timeline
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen_folder
from notebooks.analysis.serverless import CONCURRENCIES, HOUR_S, WAITING_S, Outcome, load_hosted
from results import theory
from results.costs.metering import is_held
from results.schema import SAMPLES_MIN
from servers.transports import find

hosted = load_hosted(chosen_folder())
HOBBY, PRO, FLUID, SHORT = hosted.hosts
WORKS, DEGRADED, FAILS = Outcome
held = [slug for slug in hosted.slugs if is_held(find(slug))]
wording.Prose(f"{hosted.circumstances} {hosted.evidence}.")

# %% [markdown]
# ## The verdict on each transport
#
# A *function* is a server that the host starts when a request comes. Each process of it is an *instance*; to start one
# takes time, which is called a *cold start*. One call is an *invocation*.
#
# The same five servers, hosted as functions, and the same Locust users as in every comparison: eight people in one
# room, who send a message every half minute, poll every 2 s, and come back when they are cut. The verdict is a rule. A
# transport *fails* if not everybody connects. It is *degraded* if the limit cuts somebody, in the window or by theory
# within an hour; if a user who is connected is shown as offline; if a request is refused because no instance is free
# (503); or if half of each user's hour or more is billed. Otherwise it *works*. What counts is what the host bills: on
# the classic hosts each call, on that of 2026 an instance, which several calls share. Short polling works on every
# host; on the classic hosts what waits is billed, and a WebSocket fails:

# %%
rows = {}
for slug in hosted.slugs:
    cells = {}
    for host, limits in hosted.hosts.items():
        row, (outcome, reasons) = hosted.row(slug, host), hosted.judge(slug, host)
        if outcome is FAILS:
            found = [*reasons, f"{row.figures['upgrades_ignored']} upgrades refused"]
        else:
            seen = f"seen after {wording.duration(row.median_ms)}"
            found = [*reasons, seen, f"{wording.amount(row.billed_s)} s an hour billed"]
        cells[f"{host} ({limits['max_duration_s']:g} s)"] = f"**{outcome}**: {', '.join(found)}"
    rows[hosted.label_of(slug)] = cells
wording.table(rows)

# %%
assert hosted.outcomes("short_polling") == hosted.outcomes("pusher_adapter") == [WORKS] * 4
assert hosted.outcomes("long_polling") == [DEGRADED, DEGRADED, WORKS, DEGRADED]
assert hosted.outcomes("server_sent_events") == [DEGRADED] * 4
assert hosted.outcomes("raw_websocket") == [FAILS, FAILS, DEGRADED, DEGRADED]
outcomes = [outcome for slug in hosted.slugs for outcome in hosted.outcomes(slug)]
print(", ".join(f"{outcomes.count(outcome)} of {len(outcomes)}: {outcome}" for outcome in Outcome))

# %% [markdown]
# How many calls share an instance decides whether waiting is billed, and no vendor publishes it. The verdicts above are
# for one on the classic hosts, and for four on that of 2026. If instances are full, a user who waits for an hour is
# billed 3,600 s divided by that number:

# %%
at_once = {slug: {n: row.billed_s for n, row in hosted.by_concurrency(slug, FLUID).items()} for slug in held}
shared = {count: theory.billed_instance_seconds(1.0, count) for count in CONCURRENCIES}
assert [count for count, billed_s in shared.items() if billed_s >= WAITING_S] == [1]
assert all((billed_s >= WAITING_S) == (n == 1) for each in at_once.values() for n, billed_s in each.items())
billed_at = {n: ", ".join(f"{hosted.label_of(s)} {at_once[s][n]:,.0f} s" for s in held) for n in at_once[held[0]]}
rows = {
    f"{count} at once": {
        "billed in an hour of a user, theory": f"{billed_s:,.0f} s",
        "is waiting billed": "yes" if billed_s >= WAITING_S else "no",
        "measured": billed_at.get(count, ""),
    }
    for count, billed_s in shared.items()
}
wording.table(rows)

# %% [markdown]
# So the verdict "billed for waiting" holds for a host that serves one call at a time, and for none of the others. Long
# polling takes more than theory says, since each request may reach another instance and keep it alive.
#
# A long poll here asks to be held for 25 s, as in every comparison; where ten seconds are the limit, a silence of that
# length ends in the platform's own 504. An app that knows its limit asks for less and is never cut, and is billed all
# the same; the proof is a test in `tests/servers/deploy/`:
# `test_serverless_transports.py::test_a_long_poll_that_is_held_for_less_than_the_limit_is_never_cut`.
#
# ## The life of one connection
#
# The chart shows the connection of the first of the eight users, on hosts whose limit is ten seconds. "I'm shutting
# down in 10 seconds", says the source document's host, and it does. (A long poll that is answered begins its ten
# seconds again with the next request; so its row can look uncut for longer.) What comes after depends on the client:
# these resume from a cursor, so the messages of the gap arrive late, but they arrive.

# %%
lanes = [(slug, HOBBY) for slug in hosted.slugs] + [("raw_websocket", SHORT)]
spans = hosted.timeline
cut_lines = spans[(spans["phase"] == "connection") & ~spans["succeeded"]]
lasted_s = (cut_lines["ended_s"] - cut_lines["started_s"])[cut_lines["host"].isin([HOBBY, SHORT])]
assert len(lasted_s) >= 8
assert 9 < lasted_s.min() <= lasted_s.max() < 10.5
assert all(hosted.timeline_of(slug, HOBBY)["succeeded"].all() for slug in ("short_polling", "pusher_adapter"))
title = "What a function holds ends after ten seconds; what it answers at once never does"
measure = "The first user, from the first attempt to connect; the host's limit is 10 s. By long polling each stroke is "
measure += "a new request, which has ten seconds of its own"
picture(timeline.draw, hosted, lanes, title, f"{measure}\n{hosted.evidence}")

# %% [markdown]
# ## What a cut costs
#
# On the classic hosts a cut also stops the instance. So each client that reconnects waits for a cold start of its own.
# One message answers all long polls of a room at the same moment. So their clients ask again at the same moment, and
# the host cuts all these requests at the same moment, too. Then all instances start on one core here, one after the
# other. So long polling takes longest until everybody is back. In a data centre the instances would not wait for each
# other.
#
# On the host of 2026 others are connected to the same instance. So it survives the cut. It announces that a user of a
# WebSocket or an event stream has left, and most of these return within a second. On the classic hosts nothing
# announces it. The lease is longer than the gap, so the user seems to be online all the time. There are too few
# messages for a p99, so the table has the median only.

# %%
rows = {}
for slug, host in ((slug, host) for host in (HOBBY, SHORT) for slug in hosted.slugs):
    row = hosted.row(slug, host)
    assert host == HOBBY or slug == "long_polling" or row.figures["gap_p50_s"] < 1
    gap, longest = (wording.duration(1000 * row.figures[f"gap_{each}_s"]) for each in ("p50", "max"))
    assert (row.figures["seen_offline"] > 8) == (host == SHORT and slug in ("raw_websocket", "server_sent_events"))
    rows[f"{hosted.label_of(slug)}, {host}"] = {
        "cut": str(row.cuts),
        "instances started": f"{row.figures['cold_starts']:.0f}",
        "gap, median and longest": f"{gap}, {longest}" if row.figures["reconnects"] else "none",
        "seen offline": str(row.figures["seen_offline"]),
        "deliveries": f"{row.figures['delivered']}",
        "median": wording.duration(row.median_ms) if row.figures["delivered"] else "none",
    }
wording.table(rows)

# %% [markdown]
# ## What waiting costs
#
# A function is in use from its call to its end, whether it computes or waits. So the theory is simple: whoever holds a
# request or a connection uses 3,600 s of function in each hour. A poller uses the number of its requests times the
# duration of one, and so does a client that only renews its presence lease while somebody else's server waits.

# %%
alive = [
    (slug, host) for slug in hosted.slugs for host in hosted.hosts if hosted.judge(slug, host).outcome is not FAILS
]
measured = {each: hosted.row(*each).per_user_hour("invocation_s") for each in alive}
predicted = {each: hosted.predicted_s(*each) for each in alive}
asking = {each: s for each, s in measured.items() if each[0] not in held}
assert all(0.5 < s / predicted[each] < 2 for each, s in measured.items())
assert 1.5 < min(asking.values()) < max(asking.values()) < 7.5
assert min(s for each, s in measured.items() if each not in asking) > 0.8 * HOUR_S
billed = {each: hosted.row(*each).per_user_hour("held_gb_s") for each in alive}
assert all(0.45 < billed[slug, FLUID] / billed[slug, PRO] < 0.8 for slug in ("long_polling", "server_sent_events"))
print(f"{min(asking.values()):.1f} to {max(asking.values()):.1f} s an hour by short polling and the Pusher adapter")

# %%
rows = {
    f"{hosted.label_of(slug)}, {host}": {
        "function used in an hour of a user": f"{wording.amount(used_s)} s",
        "in theory": f"{wording.amount(predicted[slug, host])} s",
        "billed": f"{wording.amount(billed[slug, host])} GB s",
    }
    for (slug, host), used_s in measured.items()
}
wording.table(rows)

# %% [markdown]
# The last column shows why waiting is billed less on the host of 2026. Its unit is the gigabyte-second (GB s): the
# memory of an instance times the seconds that are billed. An instance is billed for as long as a call is open in it,
# and here up to four calls share one: eight users waited in two or three instances. Each has twice the memory. So half
# of the gigabyte-seconds remain, or three quarters where each request may reach another instance.
#
# ## What stops between requests
#
# A function is frozen when its response has left. What it was going to do later waits for the next request, and may
# then happen hours too late, or never, if the instance has been replaced. Each of these is a test in
# `tests/servers/deploy/`, on real processes:
#
# - **A background task does not run.** While nobody asks, 50 runs are due, and the process uses no CPU time:
#   `test_serverless_host.py::test_a_background_task_does_not_run_between_requests`.
# - **Presence does not expire by itself.** Nobody goes offline while nobody asks; the next request has to check:
#   `test_serverless_transports.py::test_nobody_goes_offline_while_nobody_asks`.
# - **A push that is left for later never leaves.** So the Pusher adapter publishes inside the request that appended:
#   `test_serverless_transports.py::test_a_push_reaches_everybody_though_nothing_runs_between_requests`.
# - **What an instance remembers is out of date.** Another instance has committed since, and this one does not know it:
#   `test_serverless_transports.py::test_only_instances_that_remember_overlook_what_others_have_committed`.
# - **Nobody says goodbye.** A function that is cut stops at once, and its client stays online until the lease ends:
#   `test_serverless_transports.py::test_a_client_that_is_cut_repeatedly_loses_no_message`.
#
# All our servers have a setting for that, `--on-demand`: leave nothing for later, remember nothing that others change.
#
# ## What has changed since the document
#
# "Run for max 10-60 seconds" and "Can't keep connection open" described the free plan of early 2024; the paid plan had
# 300 s already in October 2023. [A changelog of 25 June 2025](https://github.com/masumi-network/sokosumi/pull/4809)
# gives 300 s to every plan; paid plans can choose 800 s, and 1,800 s in beta since June 2026 (all second hand). Since
# 22 June 2026 functions serve WebSockets, in public beta (the date is second hand, the documentation is the vendor's).
# What stays is a limit, no affinity (a client that returns may reach any instance), and memory that no other instance
# sees. No source says how long an idle instance is kept, or how many calls share one. We chose these values. The hosts
# are in the order of their limits, not of their years; the last one has the limit of the first.

# %%
CHOSEN = {"idle_s": "how long one stays idle", "instances_max": "how many instances", "concurrency": "calls at once"}
rows = {}
for name, limits in hosted.hosts.items():
    rows[name] = {
        "as of": f"{limits['as_of']}, {limits['known']}",
        "a call ends after": f"{limits['max_duration_s']:g} s",
        "WebSockets": "yes" if limits["websockets"] else "no",
        "calls at once": f"{limits['concurrency']}",
        "memory": f"{limits['memory_gb']:g} GB",
        "source": ", ".join(f"[{number}]({url})" for number, url in enumerate(limits["sources"], 1)),
        "chosen by us": "the limit"
        if name != limits["name"]
        else ", ".join(CHOSEN[each.partition(":")[0]] for each in limits["assumed"]),
    }
wording.table(rows)

# %% [markdown]
# ## What this does not say
#
# The hosts are models of ours: real processes that start cold, are frozen, cut and stopped, on one machine, with at
# most ten instances. Nothing was sent to a real host, so nothing here proves that a real one does the same. A row is
# one load of a minute, so its medians rest on nine messages, and the limit of 300 s lies outside of it: that each
# connection is cut twelve times an hour there is theory. What each of the three ways costs a month is the question of
# [notebook 06](06_renting_or_owning.ipynb).

# %%
assert all(hosted.row(slug, host).figures["delivered"] < SAMPLES_MIN[99] for slug in held for host in (HOBBY, SHORT))
waits = [hosted.row(slug, FLUID).figures for slug in held]
assert all(row["measured_s"] < hosted.hosts[FLUID]["max_duration_s"] and row["messages"] == 9 for row in waits)
print(", ".join(f"{row['messages']} messages in {row['measured_s']:.0f} s" for row in waits))
