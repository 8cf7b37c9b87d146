# %% [markdown]
# # Push or poll: which one, and why?
#
# **Push, unless your readers can wait.** A message that is pushed is seen a few milliseconds after it was sent, plus
# the time that the network takes. One that waits for a poll is seen half an interval later, on average. Polling is not
# always more expensive: it costs the same whether or not there is news, so it is cheap in a busy room. If you cannot
# keep connections open, you can rent a service that does. The chart shows who waits, for how long, and with how many
# requests:

# %%
from notebooks.analysis import headlines, wording
from notebooks.analysis.figures import overview
from notebooks.analysis.figures.style import picture
from notebooks.analysis.quantiles import latency
from notebooks.analysis.runs import chosen

run = chosen()
picture(overview.draw, run)

# %%
medians_ms = {slug: latency(run, slug).p50.value for slug in run.slugs}
pushed = [ms for slug, ms in medians_ms.items() if slug != "short_polling"]
assert max(pushed) < 10, "the answer above says: a few milliseconds"
assert medians_ms["short_polling"] > 100
wording.Prose(f"{headlines.latency_finding(run)} ({headlines.evidence(run)}).")

# %% [markdown]
# ## What the source document argues
#
# The project began with a text for the author of a chat. In our own words: over HTTP a browser must ask again and again
# whether there is news, which is late and wasteful. A WebSocket is a connection that stays open in both directions, so
# the server can send news at once. A chat needs that for messages, typing notices, online status and read receipts. But
# functions on a serverless host such as Vercel end after 10 to 60 seconds, so they cannot keep such a connection. There
# are three ways out: rent Pusher, which holds the connections and receives each message by HTTP; run your own WebSocket
# server beside the functions; or move everything to a host that allows long-lived servers. The text recommends Pusher.
# We built all of it, measured it, and judge each of its claims in [notebook 09](09_which_one_when.ipynb).
#
# ## Nineteen words
#
# | word | what it means here |
# |---|---|
# | short polling | the client asks every few seconds: is there anything new? |
# | long polling | the same request, but the server holds its response back until there is something |
# | WebSocket | one connection that stays open, on which both sides send whenever they want |
# | Server-Sent Events | one HTTP response that never ends, an event at a time |
# | push service | somebody else's server that holds the connections, and learns by HTTP what to push |
# | stand-in | a push service of our own, which speaks Pusher's protocol on this machine |
# | delivery | one message seen by one recipient; in a room of ten, each message has ten deliveries |
# | latency | from the moment a message was meant to be sent until a recipient has it |
# | p50, p95 | the value that 50, or 95, of 100 deliveries stay below |
# | open loop | senders keep to their schedule however slow the server is, so that a slow server cannot hide |
# | cursor | how far a client has read: the number of the last event, and the epoch |
# | epoch | the identity of a room's log; a new one means that the log was lost, and the client starts again |
# | transit | one way through the network, from one program to another; a round trip is two |
# | hold time | for how long, at most, the server holds a long poll back; 25 s here |
# | heartbeat | a small request, which says only that its user is still there |
# | lease | for how long a user counts as online after a poll or a heartbeat; an open connection renews it |
# | knee | the number of users beyond which latency grows without limit, because a resource is saturated |
# | void | a measurement in which a delivery failed, or the load generator was so late that the figures mean nothing |
# | suspect | all deliveries came, but the load generator was late, or the machine was slow |
#
# ## In which order
#
# 1. [What crosses the wire?](01_what_crosses_the_wire.ipynb) The bytes of one message, in parts; what a phone pays.
# 2. [How long until they see it?](02_how_long_until_they_see_it.ipynb) All of the distribution, interval and distance.
# 3. [How much asking does it take?](03_how_much_asking.ipynb) Requests, bytes and CPU; and where polling wins.
# 4. [What about typing, presence and receipts?](04_typing_presence_receipts.ipynb) The document's table, row by row.
# 5. [What does a serverless host do to each transport?](05_the_serverless_problem.ipynb) What works; what is billed.
# 6. [Rent the connections, or own them?](06_renting_or_owning.ipynb) Three deployments: parts, failures, and the bill.
# 7. [What breaks first?](07_what_breaks_first.ipynb) The knee of each transport, and what a restart does.
# 8. [What does a second process cost?](08_beyond_one_process.ipynb) Shared stores, two workers, and drills.
# 9. [Which one, when?](09_which_one_when.ipynb) The decision, an interviewer's questions, and the claims ledger.
# 10. [What does the link change?](10_the_link.ipynb) TLS, HTTP/2, compression, and polling done well.
#
# Your own numbers: the page `explore.html`, which `make site` writes and `make demo` serves, computes delays, requests,
# bytes and bills from them. Every notebook reads the reference, or in its place a full run that `PUSH_OR_POLL_RUN`
# names, with the records that `results/README.md` lists.
#
# ## Six exercises
#
# For a class: write down a prediction, run a small comparison (each takes one to three minutes), and compare. The
# answers are computed from the reference.

# %%
from notebooks.analysis import exercises
from notebooks.analysis.runs import chosen_folder

exercises.listed(chosen_folder())
