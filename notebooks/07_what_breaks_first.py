# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What breaks first?
#
# **The server's core, and first where each message is a request.** Users were added until something gave out. The push
# service is told of each message by a request, and a long poll is asked again after each: these two gave out first. The
# other three hold at least twice as many users; and where it was the load generator that gave out, or nothing did, only
# "at least" may be said.

# %%
from notebooks.analysis import comparisons, wording
from notebooks.analysis.figures import curves
from notebooks.analysis.figures.style import picture
from notebooks.analysis.knees import grown, knees
from notebooks.analysis.runs import chosen, chosen_folder, load

folder = chosen_folder()
found = knees(folder)
held = {knee.slug: knee.held for knee in found}
first = {slug: held.pop(slug) for slug in ("pusher_adapter", "long_polling")}
assert 2 * max(first.values()) <= min(held.values())
wording.Prose("; ".join(f"**{knee.label}**: {knee.told}" for knee in found) + ".")

# %%
crowd = "users, half a message a second each"
late, busy = (grown(found, of) for of in (lambda step: step.p95_ms, lambda step: step.core))
panels = [
    curves.Panel("p95, ms", crowd, late, wording.amount, log_x=True, log_y=True),
    curves.Panel("cores that the servers use", crowd, busy, "{:.0%}".format, log_x=True),
]
title = "The more a message asks of the server, the sooner the server gives out"
measure = "Users added until something gave out; a ring marks where it did. Void loads are not drawn"
picture(curves.draw, panels, title, measure)

# %% [markdown]
# ## What a connection costs when nothing happens
#
# 400 users who hardly say anything: what the server spends on their being there.

# %%
import pandas as pd

idle = chosen("idle")
rows = {}
for slug in idle.slugs:
    cells = idle.cells_of(slug)
    cpu_us = 1e6 * (cells["api_cpu_s"] + cells["push_service_cpu_s"]) / (cells["users"] * cells["measured_s"])
    memory_mb = (cells["api_rss_bytes"] + cells["push_service_rss_bytes"]) / 1e6
    rows[idle.label_of(slug)] = {
        "CPU per user and second, us": f"{cpu_us.median():.1f}",
        "memory of the servers, MB": f"{memory_mb.median():.0f}",
        "open connections": f"{cells['connections'].median():.0f}",
    }
pd.DataFrame.from_dict(rows, orient="index")

# %% [markdown]
# ## What a restart does
#
# A deployment breaks all lines at once, and all come back at once, as fast as their back-off lets them. Nothing that
# was acknowledged is lost; what differs is for how long nobody is told anything.

# %%
storm = load(folder, "churn", "server restart")
rows = {}
for slug in storm.slugs:
    cells = storm.cells_of(slug)
    rows[storm.label_of(slug)] = {
        "lines that broke": f"{cells['storm_returns'].median():.0f} of {cells['users'].median():.0f}",
        "half back after, s": f"{cells['storm_p50_s'].median():.2f}",
        "all back after, s": f"{cells['storm_max_s'].median():.2f}",
        "requests for it": f"{cells['storm_requests'].median():.0f}",
        "p95 of deliveries, s": f"{comparisons.latency_ms(storm, slug, 95).value / 1000:.2f}",
        "lost": f"{cells['lost'].sum()}",
    }
    assert cells["lost"].sum() == 0
pd.DataFrame.from_dict(rows, orient="index")
