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
# # What of typing, presence and receipts?
#
# **All of them work on every transport; what waiting takes from them is truth.** A message is true for ever. A typing
# notice or an "online" is true for a while, and a poller may see it when it has become a lie. The source document says
# "not possible" of typing without a WebSocket: it is possible, late, and mostly still true; and where the question is
# held or the line is open, it is instant and always true.

# %%
from notebooks.analysis import comparisons, theory, wording
from notebooks.analysis.figures import truth
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen

run, five = chosen("signals"), chosen("presence_poll")
print(f"{run.scenario}: {wording.evidence(run)}\n{five.scenario}: {wording.evidence(five)}")

# %%
ROWS = (
    ("message", "New message", "the document: poll every 2 sec, or instant"),
    ("typing", "Typing indicator", "the document: not possible, or real-time"),
    ("presence", "Online status", "the document: poll every 5 sec, or instant"),
    ("receipt", "Read receipts", "the document: delayed, or instant"),
)
groups = [truth.group(run, *row) for row in ROWS]
true = {slug: comparisons.still_true(run, slug, "typing").value for slug in run.slugs}
assert 50 < true["short_polling"] < 99
assert min(share for slug, share in true.items() if slug != "short_polling") > 99
wording.Prose(
    f"Typing notices still true when seen: **{true['short_polling']:.0f} %** by short polling every "
    f"{run.setting('poll_interval_s'):g} s, {true['raw_websocket']:.0f} % by raw WebSocket."
)

# %%
title = "Pushed news is always true; polled news is sometimes a lie by the time it is seen"
measure = f"From done to seen: median (ring) to p95; {wording.evidence(run)}"
picture(truth.draw, groups, title, measure)

# %% [markdown]
# ## Online status, polled every 5 seconds
#
# The document's interval for the list of who is online is five seconds. A list that is polled is half an interval old,
# and whoever came and went within it was never seen.

# %%
late = comparisons.latency_ms(five, "short_polling", 50, "presence")
share = comparisons.still_true(five, "short_polling", "presence")
interval_s = five.setting("poll_interval_s")
print(f"polled every {interval_s:g} s: half are {late.value / 1000:.2f} s late; {share.value:.0f} % are still true")
assert 0.3 < late.value / 1000 / interval_s < 0.6
assert share.value < comparisons.still_true(run, "short_polling", "presence").value

# %% [markdown]
# ## How long must a notice live to be seen in time?
#
# A notice that is true for E seconds, polled every T, is seen while true with probability min(1, E/T), and is
# min(E, T)/2 old by then. So a typing notice that lives as long as the interval is always seen; one of half its length
# every other time.

# %%
import pandas as pd


def fate(alive_s: float, interval_s: float) -> str:
    """Say what becomes of a notice."""
    seen, old_s = theory.seen_while_true(alive_s, interval_s), theory.staleness_s(alive_s, interval_s)
    return f"{seen:.0%} seen, {old_s:.2g} s old"


lives_s, intervals_s = (1.0, 2.0, 5.0), (1.0, 2.0, 5.0)
rows = {f"polled every {T:g} s": {f"alive {E:g} s": fate(E, T) for E in lives_s} for T in intervals_s}
pd.DataFrame.from_dict(rows, orient="index")
