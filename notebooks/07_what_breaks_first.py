# %% [markdown]
# # What breaks first?
#
# **The servers' one core, for long polling and for the Pusher adapter; for the others we only know a lower bound.**
# Users were added until, in most repeats, something was full. For those two it was the servers' core, since their
# deliveries cost the most CPU time: each long poll and each publish is a separate request. For the others the load
# generator was full first, or nothing was full with the most users that we tried. So the true limits of those are
# higher than the numbers below. The number below is the most users before the first step at which, in most repeats,
# something was full. A void measurement, in which a delivery failed or the generator was far too late, has no latency.

# %%
from notebooks.analysis import comparisons, wording
from notebooks.analysis.figures import curves
from notebooks.analysis.figures.style import picture
from notebooks.analysis.knees import knees, limit_curves, upkeep
from notebooks.analysis.quantiles import interval
from notebooks.analysis.runs import chosen, chosen_folder, load

folder = chosen_folder()
found = knees(folder)
crowd = load(folder, "steps", "400 users")
full = {knee.slug for knee in found if knee.bottleneck == "servers"}
assert full == {"long_polling", "pusher_adapter"}
assert all(comparisons.cpu_ratio(crowd, slug, than).low > 1 for slug in full for than in {*crowd.slugs} - full)
assert {knee.bottleneck for knee in found if knee.slug not in full} <= {"", "generator", "losses"}
wording.Prose("; ".join(f"**{knee.label}**: {knee.summary}" for knee in found) + ".")

# %%
users_axis = "users, half a message a second each"
latencies = limit_curves(found, lambda step: step.p95_ms)
cores = limit_curves(found, lambda step: step.core)
panels = [
    curves.Panel("p95, ms", users_axis, latencies, wording.amount, log_x=True, log_y=True),
    curves.Panel("cores that the servers use", users_axis, cores, "{:.0%}".format, log_x=True),
]
title = "The more a delivery costs, the sooner the servers are full"
measure = (
    "Users added until something was full: \N{MULTIPLICATION SIGN} the servers (or messages were lost), a ring the "
    "load generator, else neither"
)
picture(curves.draw, panels, title, measure)

# %% [markdown]
# How many cells of this run are void or suspect, or were not measured, and why; N stands for a number, and `cells.csv`
# names each. A load generator that lags by more than 5 ms at p99 makes a cell suspect, and by more than 20 ms void. A
# sender that falls far behind its schedule makes it void, too. All void cells belong to this growing load: they show
# the limit of a transport or of the generator, and give no latency. A cell is also suspect if the machine was slow, or
# if some users had not both sent and received when the window opened, as by short polling where people come and go.

# %%
from notebooks.analysis.summary import left_out

set_aside = left_out(folder)
again = set_aside["verdict"] == "valid"
assert set(set_aside.loc[~set_aside["verdict"].isin(["valid", "suspect"]), "scenario"]) == {"steps"}
print(f"{again.sum()} more cells were measured again, since the machine was slow, and are valid")
causes = set_aside["reason"].str.replace(r"(?<!limit )\b\d[\d.]*", "N", regex=True)
rows = {
    f"{verdict}: {cause}": {
        "cells": f"{len(cells)}",
        "of which": ", ".join(f"{scenario} {count}" for scenario, count in cells["scenario"].value_counts().items()),
    }
    for (verdict, cause), cells in set_aside[~again].groupby(["verdict", causes])
}
wording.table(rows)

# %% [markdown]
# ## What a connection costs when nothing happens
#
# Many users who hardly write anything: what the servers spend on each of them. The memory of one more is the difference
# to the conversation, which has fewer users, divided by how many more there are. A WebSocket user has two connections
# here: the log-in by HTTP leaves one that is kept, idle, for 75 s. Its memory is that of both.

# %%
idle, talk = chosen("idle"), chosen("conversation")
print(f"{idle.cells['users'].max():,} users against {talk.cells['users'].max():,}")
rows = {idle.label_of(slug): upkeep(idle, talk, slug) for slug in idle.slugs}
wording.table(rows)

# %% [markdown]
# ## What breaks in the browser first
#
# Before any server is full, a user with many tabs may reach a limit. With HTTP/1.1 a browser opens six connections to
# an origin, for all its tabs together. An event stream holds one for as long as its tab is open, and a long poll holds
# one for nearly all of the time. So with six tabs on either, no tab can send: the command waits within the browser, and
# neither the server nor the page sees an error. With event streams it waits until a tab is closed, with long polling
# until one of the polls ends. A seventh tab does not even load. A WebSocket is not counted among the six, short polling
# holds no connection while it sleeps, and HTTP/2 carries all of an origin's requests on one connection. Our servers
# speak HTTP/1.1, unless they are started with `--link h2` or stand behind a proxy that does. The chat page warns its
# user after 3 s; a test in Chromium opens the tabs.

# %% [markdown]
# ## What a restart does
#
# A new version breaks the connections of all clients that hold one. Of the short pollers it affects about a third:
# those who poll while the server is away. No acknowledged message is lost; what differs is how long it takes until all
# are back. In parentheses: the lowest and the highest of three repeats, which enclose the true median in 3 of 4 cases.

# %%
storm = load(folder, "churn", "server restart")
rows = {}
for slug in storm.slugs:
    cells = storm.cells_of(slug)
    rows[storm.label_of(slug)] = {
        "connections that broke": f"{cells['storm_returns'].median():.0f} of {cells['users'].median():.0f}",
        "half back after, s": f"{cells['storm_p50_s'].median():.2f}",
        "all back after, s": wording.with_limits(interval(list(cells["storm_max_s"])), "{:.2f}".format),
        "requests for it": f"{cells['storm_requests'].median():.0f}",
        "p95 of deliveries, s": f"{comparisons.latency_ms(storm, slug, 95).value / 1000:.2f}",
        "lost": f"{cells['lost'].sum()}",
    }
    assert cells["lost"].sum() == 0 and len(cells) == 3
    assert (cells["storm_returns"].median() < 0.5 * cells["users"].max()) == (slug == comparisons.SHORT)
wording.table(rows)
