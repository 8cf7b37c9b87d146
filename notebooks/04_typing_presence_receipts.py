# %% [markdown]
# # What about typing, presence and receipts?
#
# **All of them work on every transport; but delay makes some of them out of date.** A message stays true. A typing
# notice or an "online" is true for a while, and a poller may see it when it is no longer so. The source document says
# "not possible" of typing without a WebSocket. It is possible. By short polling a notice is late, and mostly still true
# when it is seen; by all other transports it comes at once, and is true.

# %%
from notebooks.analysis import comparisons, headlines, wording
from notebooks.analysis.figures import signals
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen
from results import theory

run, five = chosen("signals"), chosen("presence_poll")
print(f"{run.scenario}: {headlines.evidence(run)}\n{five.scenario}: {headlines.evidence(five)}")

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
title = "Pushed news is true when it is seen; polled news is sometimes out of date"
measure = "Until it is seen: median (ring) to p95; n: the deliveries of a kind, by all transports, in "
measure += f"{wording.counted(run.repeats, 'repeat')}; {headlines.resolution_note(run)}"
picture(signals.draw, run, SIGNALS, title, measure)

# %% [markdown]
# ## Online status, polled every 5 seconds
#
# The document's interval for the list of who is online is five seconds. A list that is polled is half an interval
# old: if somebody comes and goes within one interval, the reader learns of it only afterwards. And a reader who leaves
# before the next poll never sees the last changes.

# %%
late = comparisons.latency_ms(five, "short_polling", 50, "presence")
share, unread = (of(five, "short_polling", "presence") for of in (comparisons.still_true, comparisons.left_unread))
interval_s = five.setting("poll_interval_s")
print(
    f"polled every {interval_s:g} s: median delay {late.value / 1000:.2f} s; {share.value:.0f} % still true when seen"
)
print(f"{unread.value:.0f} % was never seen, since its reader had left")
assert 0.3 < late.value / 1000 / interval_s < 0.6
assert share.value < 90
assert unread.value > 0
assert all(comparisons.still_true(run, slug, "receipt").value > 95 for slug in run.slugs)

# %% [markdown]
# Receipts are nearly always true by every transport: a receipt says how far somebody has read, and only their next
# receipt replaces it.
#
# ## How long must a notice live to be seen in time?
#
# A notice that is true for E seconds, polled every T, is seen while true with probability min(1, E/T). In this load
# people type for one to three seconds, uniformly, and make two notices each time: "began", which is true until they
# stop, and "ended", which is true until they begin again. A poll every 2 s sees "ended" nearly always in time, and of
# "began" only some. So theory gives two figures, one for "began" alone and one for both kinds, which is what we
# counted:

# %%
import numpy as np

typing_s = np.linspace(1.0, 3.0, 1001)
polled_s = run.setting("poll_interval_s")
began = np.mean([theory.seen_while_true(duration_s, polled_s) for duration_s in typing_s])
expected = 100 * (began + 1.0) / 2
print(
    f"typing, polled every {polled_s:g} s: {true['short_polling']:.0f} % still true; theory {expected:.0f} % of both "
    f"kinds, {100 * began:.1f} % of those that say that somebody began"
)
assert abs(true["short_polling"] - expected) < 5
