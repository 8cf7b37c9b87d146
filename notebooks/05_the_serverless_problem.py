# %% [markdown]
# # What does a serverless host do to each transport?
#
# **It ends what lasts, and it bills for waiting; it loses nothing.** Short polling and the Pusher adapter work on every
# host, for two to seven seconds of function in a user's hour. Long polling and event streams limp on all of them: each
# user is billed for waiting, up to the whole hour, and where the limit is short, cut again and again. A raw WebSocket
# dies on the classic hosts, which know no upgrade, and limps on that of 2026, which does. Every acknowledged message
# came to everybody, exactly once, however often lines were cut: a cut costs those seconds that it takes to come back.

# %%
from notebooks.analysis import wording
from notebooks.analysis.figures import function_seconds, outcome_matrix, timeline
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen_folder
from notebooks.analysis.serverless import HOUR_S, Outcome, is_held, load_hosted
from servers.transports import find

hosted = load_hosted(chosen_folder())
HOBBY, PRO, FLUID, SHORT = hosted.hosts
WORKS, DEGRADED, FAILS = Outcome
held = [slug for slug in hosted.slugs if is_held(find(slug))]
wording.Prose(hosted.circumstances)

# %% [markdown]
# ## What becomes of each
#
# The same five servers, hosted as functions, and the same Locust users as in every comparison: eight people in one
# room, who say something every half minute, poll every 2 s, and come back when they are cut. The verdict is a rule. It
# *dies* if not everybody gets in. It *limps* if the limit cuts somebody, if somebody is shown offline who is there, if
# somebody is turned away for want of an instance (429), or if half of each user's hour and more is billed. Else it
# *works*.

# %%
assert hosted.outcomes("short_polling") == hosted.outcomes("pusher_adapter") == [WORKS] * 4
assert hosted.outcomes("long_polling") == hosted.outcomes("server_sent_events") == [DEGRADED] * 4
assert hosted.outcomes("raw_websocket") == [FAILS, FAILS, DEGRADED, DEGRADED]
title = "Asking works everywhere, waiting limps, and a WebSocket dies on the hosts of old"
measure = "By host, with its limit for one call, what it knows, and its date: the verdict, why, and what it takes"
picture(outcome_matrix.draw, hosted, title, f"{measure}\n{hosted.evidence}")

# %% [markdown]
# A long poll here asks to be held for 25 s, as in every comparison; where ten seconds are the limit, a silence of that
# length ends in the platform's own 504. An app that knows its limit asks for less and is never cut, and is billed all
# the same; the proof is a test in `tests/servers/deploy/`:
# `test_serverless_transports.py::test_a_long_poll_that_is_held_for_less_than_the_limit_is_never_cut`.
#
# ## The life of one connection
#
# What the first of the eight went through where ten seconds are the limit. "I'm shutting down in 10 seconds", says the
# source document's host, and it does. What comes after depends on the client: these resume from a cursor, so the
# messages of the gap arrive late, and arrive.

# %%
lanes = [(slug, HOBBY) for slug in hosted.slugs] + [("raw_websocket", SHORT)]
spans = hosted.timeline
cut_lines = spans[(spans["phase"] == "connection") & ~spans["succeeded"]]
lasted_s = (cut_lines["ended_s"] - cut_lines["started_s"])[cut_lines["host"].isin([HOBBY, SHORT])]
assert len(lasted_s) >= 8
assert 9 < lasted_s.min() <= lasted_s.max() < 10.5
assert all(hosted.timeline_of(slug, HOBBY)["succeeded"].all() for slug in ("short_polling", "pusher_adapter"))
title = "What a function holds ends after ten seconds; what it answers at once never does"
measure = "The first user, from the first attempt to connect; the host's limit is 10 s"
picture(timeline.draw, hosted, lanes, title, f"{measure}\n{hosted.evidence}")

# %% [markdown]
# ## What a cut costs
#
# Each cut takes its instance along: the host stops a function that is late where it stands. So who comes back, comes
# back to a cold start, and on the classic hosts each to one of their own. Long polls that one message has answered are
# asked again together, so they are cut together, and their storm is the longest. (All instances start on one core here,
# and so they wait for each other; in a data centre they would not.)
#
# On the host of 2026 presence flickers besides. Others are in the same instance, so it lives on when a line of it is
# cut, notices, and tells everybody that its user has gone, who is mostly back within a second. On the classic hosts
# nobody is left to say so, and the lease bridges the gap.

# %%
rows = {}
for slug, host in ((slug, host) for host in (HOBBY, SHORT) for slug in hosted.slugs):
    row = hosted.row(slug, host)
    assert host == HOBBY or slug == "long_polling" or row.figures["gap_p50_s"] < 1
    gap, longest = (wording.duration(1000 * row.figures[f"gap_{each}_s"]) for each in ("p50", "max"))
    late = [wording.duration(row.latency_ms(percent)) for percent in (50, 99)] if row.figures["delivered"] else []
    assert (row.figures["seen_offline"] > 8) == (host == SHORT and slug in ("raw_websocket", "server_sent_events"))
    rows[f"{hosted.label_of(slug)}, {host}"] = {
        "cut": str(row.cuts),
        "instances started": f"{row.figures['cold_starts']:.0f}",
        "gap, median and longest": f"{gap}, {longest}" if row.figures["reconnects"] else "none",
        "seen offline": str(row.figures["seen_offline"]),
        "delivery, p50 and p99": ", ".join(late) or "none",
    }
wording.table(rows)

# %% [markdown]
# ## What waiting costs
#
# A function is billed from its call to its end, whether it computes or waits. So theory is short: who holds a question
# or a line takes 3,600 s of function in each hour; who asks takes the number of questions times what an answer takes,
# and so does who only beats for a presence lease while somebody else's server waits.

# %%
alive = [
    (slug, host) for slug in hosted.slugs for host in hosted.hosts if hosted.judge(slug, host).outcome is not FAILS
]
measured = {each: hosted.row(*each).per_user_hour("invocation_s") for each in alive}
theory = {each: hosted.predicted_s(*each) for each in alive}
asking = {each: s for each, s in measured.items() if each[0] not in held}
assert all(0.5 < s / theory[each] < 2 for each, s in measured.items())
assert 1.5 < min(asking.values()) < max(asking.values()) < 7.5
assert min(s for each, s in measured.items() if each not in asking) > 0.8 * HOUR_S
billed = {each: hosted.row(*each).per_user_hour("held_gb_s") for each in alive}
assert all(0.45 < billed[slug, FLUID] / billed[slug, PRO] < 0.8 for slug in ("long_polling", "server_sent_events"))
title = "Waiting takes a function's whole hour, asking some seconds of it"
measure = "Seconds of function that each user takes in an hour, and what the memory of its instances is billed by"
picture(function_seconds.draw, hosted, title, f"{measure}\n{hosted.evidence}")

# %% [markdown]
# The last column is why today's host is kinder. It bills the instance, for as long as anything goes on in it, and up to
# four who wait share one: eight waited in two instances or three. Each has twice the memory, so what is left is half of
# the gigabyte-seconds, or three quarters of them where every question may meet another instance. It is still an hour.
#
# ## What stands still between requests
#
# A function is frozen when its answer has left. Whatever it meant to do later waits until somebody asks again, and may
# then happen hours too late, or on an instance that has long been replaced. Each of these is a test in
# `tests/servers/deploy/`, on real processes:
#
# - **A task that ticks by itself does not.** Of 50 ticks that are due while nobody asks, fewer than 10 come:
#   `test_serverless_host.py::test_a_background_task_does_not_run_between_requests`.
# - **Presence does not run out by itself.** Nobody goes offline while nobody asks; the next to ask has to look:
#   `test_serverless_transports.py::test_nobody_goes_offline_while_nobody_asks`.
# - **A push that is left for later never leaves.** So the Pusher adapter publishes inside the request that appended:
#   `test_serverless_transports.py::test_a_push_reaches_everybody_though_nothing_runs_between_requests`.
# - **What an instance remembers is out of date.** Another one has committed meanwhile, and it was not told:
#   `test_serverless_transports.py::test_instances_that_remember_overlook_what_others_have_committed_since`.
# - **Nobody says goodbye.** A function that is cut is stopped where it stands, and its client's lease goes on:
#   `test_serverless_transports.py::test_a_function_that_is_cut_says_no_goodbye_so_its_client_stays_online`.
#
# All our servers have a setting for that, `--on-demand`: leave nothing for later, remember nothing that others change.
#
# ## What has changed since the document
#
# "Run for max 10-60 seconds" and "Can't keep connection open" were true when they were written. Since December 2025 the
# same vendor lets functions run for 300 s on every plan, and since July 2026 they serve WebSockets, in public beta.
# What stays is a limit, no affinity (whoever comes back may meet any instance), and memory that nobody else sees. The
# limits are the vendor's, as of the dates; what no source says, such as how long an idle instance is kept, we have
# chosen.

# %%
CHOSEN = {"idle_s": "how long one stays idle", "instances_max": "how many instances", "concurrency": "calls at once"}
rows = {}
for name, limits in hosted.hosts.items():
    rows[name] = {
        "as of": limits["as_of"],
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
# The hosts are ours: real processes that start cold, are frozen, cut and reaped, on one machine, with at most ten
# instances. Nothing was sent to a real one. A row is one load of a minute, so its medians rest on some ten messages,
# and 300 s fall outside of it: there each line is cut twelve times an hour, by theory. What each of the ways out costs
# a month is the question of [notebook 06](06_renting_or_owning.ipynb).
