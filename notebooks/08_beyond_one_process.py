# %% [markdown]
# # What does a second process cost?
#
# **CPU time: a store that can be shared costs about half as much again, and a second process 41 % more on top. The way
# from one process to the other adds no latency that we can measure.** A message that must take it arrives as soon as
# any other, within the load generator's error. No speed-up is claimed: here everything that serves shares one core, so
# this shows the price of a second process, not its use. All figures are medians over three repeats; ratios are taken
# within each.

# %%
from notebooks.analysis import wording
from notebooks.analysis.drills import load_drills
from notebooks.analysis.figures import shared_store as cost_chart
from notebooks.analysis.figures.style import picture
from notebooks.analysis.quantiles import resolution_on
from notebooks.analysis.runs import chosen_folder
from notebooks.analysis.shared_store import SHARED, STORE_LABELS, StoreChoice, load_shared_store
from results.costs.metering import is_held
from servers.transports import find

shared_store = load_shared_store(chosen_folder())
ALONE = StoreChoice("sqlite", 1)
across_processes = [slug for slug in shared_store.slugs if is_held(find(slug))]
wording.Prose(shared_store.circumstances)

# %% [markdown]
# ## What a delivery costs on each store
#
# CPU time of everything that serves, the engine included, divided by the messages delivered. The load is small and the
# same for all: 40 people in rooms of ten, each of whom sends one message a second; pollers ask every half second. Each
# worker is notified of every event and reads it for itself, so with two workers the engine answers twice. How many
# cores your own numbers need, and whether one process has them: see `explore.html` of `make site` or `make demo`.

# %%
from statistics import median

pairs = [(slug, store) for slug in shared_store.slugs for store in SHARED]
one_worker, two_workers = ([(slug, StoreChoice(store, workers)) for slug, store in pairs] for workers in (1, 2))
shared = [shared_store.cpu_ratio(slug, choice, ALONE).value for slug, choice in one_worker]
second = [
    shared_store.cpu_ratio(*double, single).value for double, (_, single) in zip(two_workers, one_worker, strict=True)
]
assert 1.2 < min(shared) < 1.4 < median(shared) < 1.6 < max(shared) < 1.9
assert 1.2 < min(second) < 1.3 < median(second) < 1.5 < max(second) < 1.8
title = "A store that can be shared costs half as much again, a second worker two fifths more on top"
measure = "CPU time in \N{MICRO SIGN}s per delivery, on one core; no speed-up can be read from it"
picture(cost_chart.draw, shared_store, title, f"{measure}\n{shared_store.evidence}")

# %%
rows = {}
for slug in shared_store.slugs:
    cells = {}
    for choice in shared_store.choices:
        p50, p95 = (shared_store.latency_ms(slug, choice, percent).value for percent in (50, 95))
        cells[f"{choice.label}, p50 / p95"] = f"{wording.duration(p50)} / {wording.duration(p95)}"
    rows[shared_store.label_of(slug)] = cells
wording.table(rows)

# %% [markdown]
# ## The hop from one process to the other
#
# Two servers use one store, and each serves half of every room. So every message has some recipients who are served by
# the sender's process, and others who are served by the other one. To reach these, a push makes one transit more,
# through the store. A poller asks the store, and a push service holds all the connections, so in theory there is no
# difference for them. By short polling the measured difference is chance: in some repeats it is negative. By all others
# it is smaller than the load generator's own error. So all that can be claimed is the upper bound. In parentheses: the
# lowest and the highest of three repeats, which enclose the true median in 3 of 4 cases.

# %%
resolution_ms = resolution_on(chosen_folder(), shared_store.record["machine"])[0.50]
longer = {pair: shared_store.cross_process_ms(*pair).difference.value for pair in pairs}
pushed = [ms for (slug, _), ms in longer.items() if slug != "short_polling"]
assert max(map(abs, pushed)) < resolution_ms
for store in SHARED:
    polled = shared_store.cross_process_ms("short_polling", store).difference
    assert polled.low < 0 < polled.high
wording.Prose(f"Through another process the latency is **{wording.difference(max(pushed), resolution_ms)}**.")

# %%
rows = {}
for slug, store in pairs:
    latency = shared_store.cross_process_ms(slug, store)
    same, other = (wording.with_limits(each, wording.duration) for each in (latency.same, latency.other))
    rows[f"{shared_store.label_of(slug)}, {STORE_LABELS[store]}"] = {
        "half within, on the sender's server": same,
        "on the other one": other,
        "longer, by repeat": wording.with_limits(latency.difference, "{:+.2f} ms".format),
        "in theory": "one transit more" if slug in across_processes else "nothing",
    }
wording.table(rows)

# %% [markdown]
# ## What the store itself costs
#
# One sender, who sends again when the last message is acknowledged, and nobody else. Each store has it on the disk by
# then; the disk of this machine is quick to confirm that. A server that acknowledges the same request and stores
# nothing shows what HTTP alone takes. What the others take beyond it is the work of the chat, which is the same for
# each, and of the store.

# %%
rows = {}
for store in ("none", "sqlite", *SHARED):
    acked, cpu = shared_store.append_ms(store), shared_store.append_cpu_us(store)
    rows[STORE_LABELS[store]] = {
        "acknowledged after": f"{acked.value:.2f} ms",
        "range": f"{acked.low:.2f} to {acked.high:.2f} ms",
        "CPU, \N{MICRO SIGN}s": wording.amount(cpu.total.value),
        "of which the engine": wording.amount(cpu.part),
    }
wording.table(rows)

# %% [markdown]
# ## What survives when processes die
#
# People talk while a server, its store or its push service is killed again and again; while a process hangs, the wall
# clock jumps, or the disk is full or read-only. Every listener receives fuzzed inputs, most of them valid. And every
# transport is used for as long as the table says ("soaked"). Memory and descriptors of the last quarter are compared
# with the second, the p99 of the latency with the first. No acknowledged message was lost, and the worst that an input
# caused was a refusal.
#
# The p99 grew during this soak, for one transport to fifteen times as much. We have not found the cause, so this p99 is
# no result. Other programs used both cores at the same time, more in the last quarter than in the first, and the drill
# counts all messages again and again; either may be the cause. Memory and losses do not depend on the speed of the
# machine. The number of open descriptors varies by up to three from sample to sample, without a trend.

# %%
drills = load_drills(chosen_folder())
assert (drills.losses, drills.failures) == (0, 0)
print(drills.evidence)
wording.table(drills.rows())
