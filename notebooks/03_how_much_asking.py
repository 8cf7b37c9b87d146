# %% [markdown]
# # How much asking does it take?
#
# **Polling costs the same in silence; pushing costs something only when there is news.** A short poller asks as often
# when nothing happens as when much does, so in an idle crowd most polls are answered with nothing. In a busy room
# hardly any is: one response carries many messages, and the requests per delivered message fall far below those of long
# polling, which asks again after every response.

# %%
from notebooks.analysis import comparisons, wording
from notebooks.analysis.figures import curves, price
from notebooks.analysis.figures.style import picture
from notebooks.analysis.prices import EMPTY, REQUESTS
from notebooks.analysis.runs import chosen_folder, load, points

folder = chosen_folder()
loads = [load(folder, scenario) for scenario in ("idle", "conversation", "busy")]
for run in loads:
    print(f"{run.scenario}: {comparisons.activity_per_s(run):.2f} messages a second delivered to each client")

# %%
runs = {round(comparisons.activity_per_s(run), 3): run for run in loads}
idle, talk, busy = loads
empty = [comparisons.paid(run, "short_polling", EMPTY).value for run in loads]
assert empty[0] > 80 > 20 > empty[1] > empty[2]
wording.Prose(
    f"Empty answers: **{empty[0]:.0f} %** in an idle crowd, **{empty[1]:.0f} %** in a conversation of ten, "
    f"**{empty[2]:.1f} %** in a busy room."
)

# %%
picture(price.draw, talk)

# %% [markdown]
# ## From an idle crowd to a busy room
#
# The same prices against how much is delivered: an idle crowd, a conversation, a busy room. Both axes are logarithmic.

# %%
title = "The fewer messages there are, the more each costs by polling"
measure = "Medians and the range of the repeats; ringed where a repeat is suspect, mostly since the machine was slow"
panels = comparisons.price_panels(runs, "messages delivered to one client, per second")
picture(curves.draw, panels, title, measure)

# %% [markdown]
# ## From a hundred users to a crowd
#
# Up to the limit of its transport, a delivery costs the same bytes in a crowd as among few, and no more CPU time: more
# deliveries share what the server does once for several. A ring marks points of which a repeat is suspect: the machine
# was slow, or the load generator late. Beyond its limit ([notebook 07](07_what_breaks_first.ipynb)) a server answers a
# long poll with several messages at once, so there a delivery costs fewer bytes.

# %%
crowds = {float(run.cells["users"].max()): run for run in points(folder, "steps").values()}
panels = comparisons.price_panels(crowds, "users, half a message a second each")
title = "Up to the limit, a delivery costs the same bytes in a crowd, and no more CPU time"
picture(curves.draw, panels, title, measure)

# %%
from notebooks.analysis.knees import knees

for knee, in_bytes, in_cpu in zip(knees(folder), *(panel.curves for panel in panels), strict=True):
    many = in_cpu.x.index(knee.most_users)
    (few_bytes, many_bytes), (few_us, many_us) = (
        (curve.points[0].value, curve.points[many].value) for curve in (in_bytes, in_cpu)
    )
    print(f"{knee.label}: {few_us:,.0f} us of CPU with {in_cpu.x[0]:g} users, {many_us:,.0f} with {knee.most_users:g}")
    assert abs(many_bytes / few_bytes - 1) < 0.05
    assert many_us < 1.05 * few_us

# %% [markdown]
# ## exp(-lambda T)
#
# A poll brings nothing if no message came since the last one. Messages come at random, lambda a second for each client;
# so the chance of none in an interval T is exp(-lambda T). It depends on the product alone, whatever the interval. Most
# polls are empty if lambda T is below ln 2 = 0.69: polling every 2 s, with less than one message in 2.9 s.

# %%
sweep = points(folder, "interval_sweep").values()
for expected, found, theory_percent in comparisons.empties([*loads, *sweep]):
    print(f"lambda T = {expected:5.2f}: {found.value:5.1f} % empty, theory {theory_percent:5.1f} %")
    assert abs(found.value - theory_percent) < max(1.5, 0.1 * theory_percent)

# %% [markdown]
# ## Where polling wins
#
# In a busy room one response of a poll carries all messages of its interval. A long poll is answered for each message
# and asked again after each, and the API publishes each message by a request to the push service. So in every repeat
# short polling takes less of the server's CPU than these two. In most repeats it takes more than a WebSocket, which
# needs no requests; and its messages are seen later. Requests are those of clients: sends, reads and heartbeats. The
# API's requests to the push service are not among them; their bytes have a column of their own, and their CPU time is
# included. In parentheses: the lowest and the highest repeat, which enclose the true median in 15 of 16 cases.

# %%
requests = {slug: comparisons.paid(busy, slug, REQUESTS).value for slug in busy.slugs}
times = {slug: comparisons.cpu_ratio(busy, slug, "short_polling") for slug in busy.slugs}
for slug in busy.slugs:
    cpu = wording.with_limits(times[slug], "{:.2f}".format)
    print(f"{busy.label_of(slug)}: {requests[slug]:.2f} requests per delivery, {cpu} times short polling's CPU time")
assert busy.repeats == 5
assert requests["short_polling"] < requests["long_polling"] / 3
assert times["raw_websocket"].value < 1 < min(times["long_polling"].low, times["pusher_adapter"].low)
