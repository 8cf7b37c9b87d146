# %% [markdown]
# # How long until they see it?
#
# **Until the reader next asks.** By short polling a message lies on the server until its reader's next poll: half of
# the messages lie there for about half a poll interval or longer, and one in twenty for nearly all of it. By every
# other transport the server need not wait for a request: the message leaves at once, and is seen within a small
# fraction of the interval. The differences between those others on one machine are smaller still, and a network adds
# its transit time to each. The figures of this run:

# %%
from math import sqrt

from notebooks.analysis import headlines, wording
from notebooks.analysis.quantiles import HOW_TO_READ, ks_distance, latencies, latency, table
from notebooks.analysis.runs import chosen
from results import theory

run = chosen()
interval_s = run.setting("poll_interval_s")
wording.Prose(
    f"A poll every **{interval_s:g} s**. {headlines.latency_finding(run)} ({headlines.evidence(run)}). {HOW_TO_READ}"
)

# %% [markdown]
# ## The whole distribution, not one number
#
# Each curve answers: what share of the deliveries had been seen after so many milliseconds? The axis is logarithmic, so
# that a push of a few milliseconds and a wait of seconds can both be read. The pale band is theory: it was drawn from
# the poll interval alone.

# %%
from notebooks.analysis.figures import latency as latency_chart
from notebooks.analysis.figures.style import picture

picture(latency_chart.draw, run)

# %%
table(run)

# %% [markdown]
# ## Why short polling waits: Uniform(0, T)
#
# Messages come at random moments, so each falls anywhere between two polls of its reader with equal probability. The
# wait for the next poll is then uniform between 0 and the interval T: the mean is T/2 and p95 is 0.95 T,
# however often anybody writes.
#
# The Kolmogorov-Smirnov distance is the widest gap between two distributions, here between the measured one and
# Uniform(0, T). We use it only as a distance, without a p-value: the recipients of one message share its moment, so the
# samples are not independent.

# %%
waits_s = run.deliveries_of("short_polling")["latency_ms"].to_numpy() / 1000
distance = ks_distance(waits_s, lambda wait_s: theory.uniform_wait_cdf(wait_s, interval_s))
print(f"KS distance between a sample of {len(waits_s):,} waits and Uniform(0, {interval_s:g} s): {distance:.3f}")
assert distance < 0.05, "short polling is no longer explained by its interval alone"

# %%
short = latency(run, "short_polling")
for share, found in short.quantiles.items():
    predicted_ms = theory.uniform_wait_quantile_s(share, interval_s) * 1000
    print(f"p{share * 100:.0f}: {found.value:5.0f} ms measured, {predicted_ms:5.0f} ms predicted")
    assert abs(found.value - predicted_ms) < 0.08 * interval_s * 1000

# %% [markdown]
# ## Does it hold for every interval?
#
# Theory has one parameter. So the same load was run with intervals from half a second to ten: the median must be half
# of each, and the 95th percentile 0.95 of it.

# %%
from notebooks.analysis import comparisons
from notebooks.analysis.figures import curves
from notebooks.analysis.runs import chosen_folder, points

sweep = comparisons.interval_sweep(chosen_folder())
panel = curves.Panel("latency, s", "poll interval, s", sweep, "{:g}".format)
title = "The wait is a fixed share of the interval, whatever the interval"
picture(curves.draw, [panel], title, "Medians over the repeats; the pale bands are Uniform(0, T), drawn from T alone")

# %%
gaps = [
    abs(found.value - predicted) / interval
    for curve in sweep
    for interval, found, predicted in zip(curve.x, curve.points, curve.theory, strict=True)
]
print(f"the widest gap between measured and predicted is {max(gaps):.1%} of the interval")
assert max(gaps) < 0.08

# %% [markdown]
# ## Why the mean misleads
#
# The mean wait is T/2, and few messages wait for that long: a uniform wait is as likely to be nothing as to be the
# whole interval. The mean over all transports is worse: it is too slow for a push and too fast for most polls. And an
# average of several p95s is not the p95 of anything. So each percentile here is computed within a repeat, from all of
# its deliveries, and what is printed is the median of the repeats.

# %%
everything_s = run.deliveries["latency_ms"].to_numpy() / 1000
for whose, samples, least in (("Short polling", waits_s, 0.07), ("All transports together", everything_s, 0.0)):
    mean = samples.mean()
    share = (abs(samples - mean) < 0.1 * mean).mean()
    print(f"{whose}: mean {mean:.2f} s, and {share:.0%} of the deliveries lie within a tenth of it")
    assert least <= share < 0.2
assert (waits_s > everything_s.mean()).mean() > 0.5, "the common mean is too fast for most polls"
print(f"Theory for short polling: mean {theory.uniform_wait_mean_s(interval_s):.2f} s, and 10% within a tenth of it")

# %% [markdown]
# ## Those that do not wait for a poll
#
# All transports but short polling differ in who holds the connection open. How much of the difference between them is
# real? A load generator has an error of its own: the calibration beside this run drove a stub with known delays, and
# what the generator was off by is the resolution here. No smaller difference is claimed.

# %%
from notebooks.analysis.quantiles import resolution_ms

pushed = [row for row in latencies(run) if row.slug != "short_polling"]
medians = [row.p50.value for row in pushed]
error_ms = resolution_ms(run)[0.50]
apart = wording.difference(max(medians) - min(medians), error_ms)
print(f"Resolution: {wording.duration(error_ms)}. Median of the slowest, compared with that of the fastest: {apart}")
for row in pushed:
    share = row.p50.value / short.p50.value
    print(f"{row.label}: its median is {share:.1%} of short polling's")
    assert share < 0.1, "the answer above says: a small fraction of the interval"

# %% [markdown]
# ## What a network adds
#
# Everything above ran on one machine, where the transit time d between two programs is almost nothing. So a relay was
# put into the clients' links, which delays everything by d, each way. A message then makes two transits, to the server
# and to its reader. A poller's request and response travel too, so its longest wait grows from T to T + 2 d. Long
# polling has a second figure that the median does not show: just after a response has left, the next message must wait
# until it has arrived and the next request has come back ([RFC 6202, section
# 2.2](https://www.rfc-editor.org/rfc/rfc6202#section-2.2)).
#
# The chart shows all transports but short polling.

# %%
title = "A message makes two transits, whoever waits for it"
sweep = comparisons.distance_sweep(chosen_folder())
panel = curves.Panel("median of the deliveries", "one-way delay, ms", sweep, wording.duration)
far = chosen("distance", "100 ms away")
measure = f"Pale band: two transits. Thin bars: lowest and highest repeat. At 100 ms: {headlines.evidence(far)}"
picture(curves.draw, [panel], title, measure)

# %%
for curve in sweep:
    for delay_ms, found, predicted in zip(curve.x, curve.points, curve.theory, strict=True):
        assert abs(found.value - predicted) < 6 + 0.05 * delay_ms, f"{curve.name} at {delay_ms:g} ms"
    print(f"{curve.name}: {curve.points[-1].value - 2 * curve.x[-1]:+.0f} ms beyond two transits")

# %% [markdown]
# That holds for a message that is sent on an open connection. An HTTP/1.1 connection carries one request at a time. So
# a client that holds a request or a response open needs a second connection to send on, and opening it takes a round
# trip of its own. That is paid once, by a user's first message. In this run everybody sends one before the measuring
# window opens, so it is in none of the figures above. A WebSocket sends on the connection that it has. How long the
# sender waits for the acknowledgement of a message, at 100 ms each way:

# %%
acked_ms = {slug: [comparisons.acked_ms(far, slug, is_first) for is_first in (True, False)] for slug in far.slugs}
rows = {
    far.label_of(slug): {"first message": wording.duration(first), "later ones": wording.duration(later)}
    for slug, (first, later) in acked_ms.items()
}
assert (far.cells["first_sends"] == far.cells["users"]).all()
assert all(acked_ms[slug][0] > 1.8 * acked_ms[slug][1] for slug in ("long_polling", "server_sent_events"))
assert acked_ms["raw_websocket"][0] < 1.1 * acked_ms["raw_websocket"][1]
wording.table(rows)

# %% [markdown]
# ## Short polling at a distance
#
# The windows are short. A median of n uniform waits has a standard error of (T + 2 d) / (2 sqrt(n)), or less here,
# since the recipients of one message ask at different moments.

# %%
for point, there in points(chosen_folder(), "distance").items():
    measured_ms = comparisons.latency_ms(there, "short_polling", 50).value
    theory_ms = comparisons.distance_median_ms(there, "short_polling")
    widest_ms = 1000 * (interval_s + 2 * there.setting("one_way_delay_s"))
    error_ms = widest_ms / (2 * sqrt(there.cells_of("short_polling")["messages"].sum()))
    print(f"{point}: half within {measured_ms:.0f} ms, theory {theory_ms:.0f} ms, standard error {error_ms:.0f} ms")
    assert abs(measured_ms - theory_ms) < 3 * error_ms

# %% [markdown]
# ## The third transit
#
# With a push service there is one more transit: from the API to the service. Here clients are 50 ms away from both, and
# the delay between API and service grows.

# %%
for point, there in points(chosen_folder(), "third_transit").items():
    measured_ms = comparisons.latency_ms(there, "pusher_adapter", 50).value
    theory_ms = comparisons.distance_median_ms(there, "pusher_adapter")
    print(f"{point}: half within {measured_ms:.0f} ms, theory {theory_ms:.0f} ms")
    assert abs(measured_ms - theory_ms) < 20
