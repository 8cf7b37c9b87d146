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
# # How long until they see it?
#
# **As long as somebody waits to ask.** By short polling a message lies on the server until its reader's next question:
# half of the messages lie there for about half a poll interval or longer, and one in twenty for nearly all of it. By
# every other transport the question has been asked already: the message leaves at once, and is seen within a small
# fraction of the interval. What lies between those others on one machine is smaller still, and a network would add its
# transit time to each. The figures of this run:

# %%
import pandas as pd

from notebooks.analysis import theory, wording
from notebooks.analysis.quantiles import differences, ks_distance, latencies, latency, share_near_mean, table
from notebooks.analysis.runs import chosen

run = chosen()
interval_s = run.setting("poll_interval_s")
wording.Prose(f"A poll every **{interval_s:g} s**. {wording.latency_finding(run)} ({wording.evidence(run)}).")

# %% [markdown]
# ## The whole distribution, not one number
#
# Each curve answers: what share of the deliveries had been seen after so many milliseconds? The axis is logarithmic,
# so that a push of a few milliseconds and a wait of seconds both read. The pale band is no fit: it was drawn from the
# poll interval alone.

# %%
from notebooks.analysis.figures import latency as latency_chart
from notebooks.analysis.figures.style import picture

picture(latency_chart.draw, run)

# %%
table(run)

# %% [markdown]
# ## Why short polling waits: Uniform(0, T)
#
# Messages come at random moments, so each falls anywhere between two questions of its reader with equal probability.
# The wait for the next question is then uniform between 0 and the interval T: the mean is T/2 and p95 is 0.95 T,
# however often anybody writes.
#
# The Kolmogorov-Smirnov distance is the widest gap between two distributions, here between the measured one and
# Uniform(0, T). We read it as a distance and ask for no p-value: the recipients of one message share its moment, so
# the samples are not independent.

# %%
waits_s = run.deliveries_of("short_polling")["latency_ms"].to_numpy() / 1000
distance = ks_distance(waits_s, lambda wait_s: theory.uniform_wait_cdf(wait_s, interval_s))
print(f"KS distance between {len(waits_s):,} waits and Uniform(0, {interval_s:g} s): {distance:.3f}")
assert distance < 0.08, "short polling is no longer explained by its interval alone"

# %%
short = latency(run, "short_polling")
for quantile in short.quantiles:
    predicted_ms = theory.uniform_wait_quantile_s(quantile.share, interval_s) * 1000
    print(f"p{quantile.share * 100:.0f}: {quantile.pooled_ms:5.0f} ms measured, {predicted_ms:5.0f} ms predicted")
    assert abs(quantile.pooled_ms - predicted_ms) < 0.08 * interval_s * 1000

# %% [markdown]
# ## Why the mean lies
#
# The mean wait is T/2, and it is hardly anybody's: a uniform wait is as likely to be nothing as to be the whole
# interval. The mean over all transports is worse: it lies where nearly nobody is, too slow for a push and too fast for
# most polls. And an average of p95s would be the p95 of nothing. Hence this notebook pools the samples, and draws all
# of them.

# %%
everything_s = run.deliveries["latency_ms"].to_numpy() / 1000
for whose, samples in (("Short polling", waits_s), ("All transports together", everything_s)):
    share = share_near_mean(samples)
    print(f"{whose}: mean {samples.mean():.2f} s, and {share:.0%} of the deliveries lie within a tenth of it")
    assert share < 0.2
assert (waits_s > everything_s.mean()).mean() > 0.5, "the common mean is too fast for most polls"
print(f"Theory for short polling: mean {theory.uniform_wait_mean_s(interval_s):.2f} s, and 10% within a tenth of it")

# %% [markdown]
# ## Those that do not wait to ask
#
# All transports but short polling differ in who holds the line, not in whether the question has been asked. How much
# of the difference between them is real? A load generator has an error of its own: the calibration beside this run
# drove a stub with known delays, and what the generator was off by is the resolution here. No smaller difference is
# claimed.

# %%
asked_already = [slug for slug in run.slugs if slug != "short_polling"]
differences(run, asked_already)

# %%
for row in latencies(run):
    if row.slug in asked_already:
        share = row.p50.pooled_ms / short.p50.pooled_ms
        print(f"{row.label}: its median is {share:.1%} of short polling's")
        assert share < 0.1, "the answer above says: a small fraction of the interval"

# %% [markdown]
# ## What a network would add
#
# Everything here ran on one machine, where the transit time d between two programs is almost nothing. Over a real
# network theory adds it as follows, counted from the server's log unless the sender is named. Long polling is the one
# with two figures: just after an answer has left, the next message must wait for that answer to arrive and for the
# next question to come back, 3 d in all ([RFC 6202, section 2.2](https://www.rfc-editor.org/rfc/rfc6202#section-2.2)).

# %%
transit_s = 0.040
armed_s, rearming_s = theory.long_polling_latency_s(transit_s)
seconds = {
    "short polling, on average: T/2 + d": theory.uniform_wait_mean_s(interval_s) + transit_s,
    "long polling, armed: d": armed_s,
    "long polling, just answered: 3 d": rearming_s,
    "raw WebSocket: d": transit_s,
    "raw WebSocket, from the sender: 2 d": theory.push_latency_s(transit_s),
    "Pusher adapter, from the sender: 2 d, and d to the service": theory.push_latency_s(transit_s, transit_s),
}
pd.Series(seconds, name=f"seconds if d = {transit_s:g} s").to_frame()

# %% [markdown]
# ## Try it
#
# `make compare` measures your machine and writes a run into `results/`. Set `PUSH_OR_POLL_RUN` to that folder and run
# this notebook again: the figures, the chart and the asserts are then about your run.
