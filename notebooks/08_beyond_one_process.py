# %% [markdown]
# # What does a second process cost?
#
# **About half as much CPU time again for a store that can be shared (by transport, 1.3 to 1.9 times as much), a third
# more on top for a second process (1.1 to 1.7 times), and less than a millisecond for the way from one to the other.**
# Whoever is pushed to by another process than the sender's hears of it 0.2 to 0.4 ms later through Redis, and 0.4 to
# 0.7 ms through PostgreSQL. A poller, and whoever listens to a push service, does not notice. All are medians over
# three repeats. No speed-up is claimed: here everything that serves shares one core, so that what shows is the price of
# a second process and not what it is for.

# %%
from notebooks.analysis import wording
from notebooks.analysis.drills import load_drills
from notebooks.analysis.figures import curves
from notebooks.analysis.figures import shared_store as charts
from notebooks.analysis.figures.style import picture
from notebooks.analysis.runs import chosen_folder
from notebooks.analysis.shared_store import NAMES, SHARED, StoreChoice, load_shared_store
from servers.transports import find

shared_store = load_shared_store(chosen_folder())
ALONE = StoreChoice("sqlite", 1)
across_processes = [slug for slug in shared_store.slugs if charts.depends_on_process(find(slug))]
wording.Prose(shared_store.circumstances)

# %% [markdown]
# ## What a delivery costs on each store
#
# CPU time of everything that serves, the engine included, divided by the messages delivered. The load is small and the
# same for all: 40 people in rooms of ten, each saying something once a second, pollers asking every half second. A
# second worker hears of every event, and reads it, for itself: so does the engine answer twice.


# %%
def cost_ratio(slug: str, choice: StoreChoice, than: StoreChoice) -> float:
    return shared_store.cpu_us(slug, choice).total.value / shared_store.cpu_us(slug, than).total.value


pairs = [(slug, store) for slug in shared_store.slugs for store in SHARED]
shared = [cost_ratio(slug, StoreChoice(store, 1), ALONE) for slug, store in pairs]
second = [cost_ratio(slug, StoreChoice(store, 2), StoreChoice(store, 1)) for slug, store in pairs]
assert 1.3 < min(shared) < 1.5 < max(shared) < 1.9
assert 1.1 < min(second) < 1.4 < max(second) < 1.7
title = "A store that can be shared costs half as much again, a second worker a third more on top"
measure = "CPU time in \N{MICRO SIGN}s per delivery, on one core; no speed-up can be read from it"
picture(charts.draw_cost, shared_store, title, f"{measure}\n{shared_store.evidence}")

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
# Two servers on one store, half of each room on either: every message is seen by somebody on its sender's server and
# by others on the other one. A push must go one way more, through the store, to reach the latter; a poller asks the
# store, and a push service holds all the lines, so that theory says: nothing. (Each repeat has only some 155 messages,
# by which two medians of a poller's wait differ by 20 ms for no reason at all.)

# %%
longer = {pair: shared_store.cross_process_ms(*pair).difference.value for pair in pairs}
for store, limits_ms in {"redis": (0.15, 0.45), "postgresql": (0.35, 0.75)}.items():
    measured = [longer[slug, store] for slug in across_processes]
    assert limits_ms[0] < min(measured) < max(measured) < limits_ms[1]
    assert abs(longer["pusher_adapter", store]) < 0.1
    polled = shared_store.cross_process_ms("short_polling", store).difference
    assert polled.low < 0 < polled.high
title = "To be served by another process takes less than a millisecond, and nothing for those who ask"
measure = "Median delivery: hollow, on the sender's own server; full, on the other one; pale, the range over repeats"
picture(charts.draw_cross_process, shared_store, title, f"{measure}\n{shared_store.evidence}")

# %% [markdown]
# ## What the store itself costs
#
# One sender, who sends again once the last message is acknowledged, and nobody else. Each store has it on the disk by
# then: on that of this machine, which is fast to say so. A server that acknowledges the same request, and stores it
# nowhere, tells what HTTP alone takes; what the others take beyond it is the chat's own work, the same for each, and
# the store's.

# %%
rows = {}
for store in ("none", "sqlite", *SHARED):
    acked, cpu = shared_store.append_ms(store), shared_store.append_cpu_us(store)
    rows[NAMES[store]] = {
        "acknowledged after": f"{acked.value:.2f} ms",
        "range": f"{acked.low:.2f} to {acked.high:.2f} ms",
        "CPU, \N{MICRO SIGN}s": wording.amount(cpu.total.value),
        "of which the engine": wording.amount(cpu.engine),
    }
wording.table(rows)

# %% [markdown]
# ## What survives when processes die
#
# People talk while a server, its store or its push service is killed again and again; while a process hangs, the wall
# clock jumps, or the disk is full or read-only. Every listener is sent fuzzed inputs, most of them valid. And every
# transport is soaked: it is used for as long as the table says. Memory and descriptors of the last quarter are compared
# with the second, the 99th percentile of the latency with the first. Nothing that was acknowledged was lost, and no
# input cost more than a refusal.

# %%
drills = load_drills(chosen_folder())
assert (drills.losses, drills.failures) == (0, 0)
wording.table(drills.rows())

# %%
soaked = drills.panels()
title = "What each server held while its transport was used, and how late messages were"
picture(curves.draw, soaked, title, drills.evidence) if soaked else wording.Prose("No soak was run.")
