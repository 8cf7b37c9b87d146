# %% [markdown]
# # Push or poll: which one, and why?
#
# **Push, unless your readers can wait.** A message that is pushed is seen a few milliseconds after it was sent; one
# that waits for a poll is seen half an interval later, on average. Polling is not always the dearer way: it pays for
# silence, not for news. And whoever cannot hold connections open can rent somebody who does. The chart is the whole
# argument:

# %%
from notebooks.analysis import wording
from notebooks.analysis.figures import overview
from notebooks.analysis.figures.style import picture
from notebooks.analysis.quantiles import latency
from notebooks.analysis.runs import chosen

run = chosen()
picture(overview.draw, run)

# %%
medians_ms = {slug: latency(run, slug).p50.value_ms for slug in run.slugs}
pushed = [ms for slug, ms in medians_ms.items() if slug != "short_polling"]
assert max(pushed) < 100 < medians_ms["short_polling"]
wording.Prose(f"{wording.overview_finding(run)} ({wording.evidence(run)}).")

# %% [markdown]
# ## Ten words
#
# | word | what it means here |
# |---|---|
# | short polling | the client asks every few seconds: is there anything new? |
# | long polling | the same question, but the server holds its answer back until there is something |
# | WebSocket | one connection that stays open, on which both sides speak whenever they like |
# | push service | somebody else's server that holds the connections, and is told by HTTP what to push |
# | stand-in | a push service of our own, speaking Pusher's protocol on this machine |
# | Server-Sent Events | one HTTP answer that never ends, an event at a time |
# | delivery | one message seen by one recipient; a room of ten makes ten of it |
# | latency | from the moment a message was meant to be sent until a recipient has it |
# | p95 | the value that 95 of 100 deliveries stay below |
# | open loop | senders keep to their schedule however slow the server is, so that a stall cannot hide |
#
# ## In which order
#
# 1. [What crosses the wire?](01_what_crosses_the_wire.ipynb) The bytes of one message, taken apart.
# 2. [How long until they see it?](02_how_long_until_they_see_it.ipynb) All of the distribution, interval and distance.
# 3. [How much asking does it take?](03_how_much_asking.ipynb) Requests, bytes and CPU; and where polling wins.
# 4. [What of typing, presence and receipts?](04_typing_presence_receipts.ipynb) The document's table, row by row.
# 5. [What does a serverless host do to each transport?](05_the_serverless_problem.ipynb) Works, limps, dies; the bill.
# 6. [Rent the lines, or own them?](06_renting_or_owning.ipynb) Three ways to deploy: parts, failures, and the bill.
# 7. [What breaks first?](07_what_breaks_first.ipynb) The knee of each transport, and what a restart does.
# 8. [What does a second process cost?](08_beyond_one_process.ipynb) Shared stores, two workers, and the hop between.
# 9. [Which one, when?](09_which_one_when.ipynb) The decision, an interviewer's questions, and the claims ledger.
#
# Every notebook reads the run that `PUSH_OR_POLL_RUN` names, or else the reference.
