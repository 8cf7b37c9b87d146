# %% [markdown]
# # What of typing, presence and receipts?
#
# **All of them work on every transport; what waiting takes from them is truth.** A message is true for ever. A typing
# notice or an "online" is true for a while, and a poller may see it when it has become a lie. The source document says
# "not possible" of typing without a WebSocket: it is possible, late, and mostly still true; and where the question is
# held or the line is open, it is instant and always true.

# %%
from notebooks.analysis import comparisons, wording
from notebooks.analysis.figures import signals
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen
from results import theory

run, five = chosen("signals"), chosen("presence_poll")
print(f"{run.scenario}: {wording.evidence(run)}\n{five.scenario}: {wording.evidence(five)}")

# %%
SIGNALS = (
    signals.Signal("message", "New message", "the document: poll every 2 sec, or instant"),
    signals.Signal("typing", "Typing indicator", "the document: not possible, or real-time"),
    signals.Signal("presence", "Online status", "the document: poll every 5 sec, or instant"),
    signals.Signal("receipt", "Read receipts", "the document: delayed, or instant"),
)
true = {slug: comparisons.still_true(run, slug, "typing").value for slug in run.slugs}
assert {comparisons.still_true(run, slug, "message").value for slug in run.slugs} == {100.0}
assert 50 < true["short_polling"] < 99
assert min(share for slug, share in true.items() if slug != "short_polling") > 99
wording.Prose(
    f"Typing notices still true when seen: **{true['short_polling']:.0f} %** by short polling every "
    f"{run.setting('poll_interval_s'):g} s, {true['raw_websocket']:.0f} % by raw WebSocket."
)

# %%
title = "Pushed news is always true; polled news is sometimes a lie by the time it is seen"
measure = f"From done to seen: median (ring) to p95; {wording.evidence(run)}"
picture(signals.draw, run, SIGNALS, title, measure)

# %% [markdown]
# ## Online status, polled every 5 seconds
#
# The document's interval for the list of who is online is five seconds. A list that is polled is half an interval
# old: who came and went within it is seen only when that is over. And who leaves before asking again has not seen
# what came last.

# %%
late = comparisons.latency_ms(five, "short_polling", 50, "presence")
share, unread = (of(five, "short_polling", "presence") for of in (comparisons.still_true, comparisons.left_unread))
interval_s = five.setting("poll_interval_s")
print(f"polled every {interval_s:g} s: half are {late.value / 1000:.2f} s late; {share.value:.0f} % are true then")
print(f"{unread.value:.0f} % was never seen, since its reader had left")
assert 0.3 < late.value / 1000 / interval_s < 0.6
assert share.value < 90
assert unread.value > 0

# %% [markdown]
# ## How long must a notice live to be seen in time?
#
# A notice that is true for E seconds, polled every T, is seen while true with probability min(1, E/T). In this load
# people type for one to three seconds, uniformly, and each spell makes two notices: that it began, which is true
# until it ends, and that it ended, which is true until the next one begins. So theory says how many polled notices
# must be true:

# %%
import numpy as np

typing_s = np.linspace(1.0, 3.0, 1001)
polled_s = run.setting("poll_interval_s")
began = np.mean([theory.seen_while_true(duration_s, polled_s) for duration_s in typing_s])
expected = 100 * (began + 1.0) / 2
print(f"typing, polled every {polled_s:g} s: {true['short_polling']:.0f} % still true, theory {expected:.0f} %")
assert abs(true["short_polling"] - expected) < 5
