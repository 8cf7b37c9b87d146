# %% [markdown]
# # Which one, when?
#
# **Poll if a second or two does not matter; push if it does; rent if you cannot hold connections.** Among those that
# push, a WebSocket is for clients that send as much as they receive, Server-Sent Events for those that mostly receive,
# and long polling for networks that let neither through. The rest of this page is the evidence: every claim of the
# source document (see [notebook 00](00_start_here.ipynb)), the experiment that tests it, the figure, and the verdict.

# %%
from notebooks.analysis import wording
from notebooks.analysis.claims import ledger
from notebooks.analysis.quantiles import latency
from notebooks.analysis.runs import chosen, chosen_folder
from notebooks.analysis.summary import decision_table

run = chosen()
medians_ms = {slug: latency(run, slug).p50.value for slug in run.slugs}
assert medians_ms["short_polling"] > 10 * max(ms for slug, ms in medians_ms.items() if slug != "short_polling")
decision_table(run)

# %% [markdown]
# The figures are of a conversation; latencies closer than the generator's error are printed as one.
#
# ## What an interviewer asks
#
# **Why not just poll?** Because half of the messages are seen later than half the interval, and polling costs the same
# when nothing happens. In a busy room it is a fair choice: [notebook 03](03_how_much_asking.ipynb) shows where it wins.
#
# **What happens behind a load balancer?** A poll may be answered by any server that reads the same log. An open
# connection stays where it was opened, so each server must learn of what the others committed. Every client here
# resumes by its cursor, as the restart in [notebook 07](07_what_breaks_first.ipynb) shows for one server; what the hop
# between processes costs is in [notebook 08](08_beyond_one_process.ipynb).
#
# **How do you scale WebSockets to a million users?** With a shared log behind many servers. What one core holds is in
# [notebook 07](07_what_breaks_first.ipynb), for most transports as a lower bound. What a second core or machine adds is
# not measured, and a million is beyond what one machine can show.
#
# **What do you lose on reconnect?** With a cursor, nothing: all held connections broke in the restart of
# [notebook 07](07_what_breaks_first.ipynb), and every message came exactly once. Without one, you lose all that
# is sent until your client is back.
#
# **What happens to a message that was not acknowledged?** The client cannot know whether it was committed. It sends the
# message again with the same client_id, after random pauses whose limit doubles, up to 5 s, and the server commits it
# once. The sender sees it in the chat when it comes back from the log. The chat page repeats it for as long as it is
# open; the terminal chat gives up after 60 s, and prints "not sent". That does not prove that nobody has it: the
# acknowledgement may have been lost, not the message.
#
# **Does HTTPS or HTTP/2 change the answer?** Not who waits. HTTP/2 compresses the headers of polls, which saves a third
# to half of the bytes ([notebook 10](10_the_link.ipynb)), and removes the limit of six connections to an origin. A push
# still needs no request ([notebook 01](01_what_crosses_the_wire.ipynb)).
#
# **And phones?** The radio stays on for some seconds after each packet, so what counts is how often a transport sends
# something when nothing happens ([notebook 01](01_what_crosses_the_wire.ipynb)).
#
# **Which limit ends the free plan first?** With functions and Pusher, as in the source document, Vercel's limit on
# function calls, because of the heartbeats. Of Pusher's own limits it is the one on connections, as long as people in
# rooms of ten send little ([notebook 06](06_renting_or_owning.ipynb)).
#
# **What survives a killed server?** Every message that was acknowledged. Who is online is kept with the log: whoever
# comes back within a lease of 30 s never seems offline. A typing notice ends by itself after five seconds.
#
# **When is Pusher wrong?** When you cannot afford an API request and a third transit per message
# ([notebook 02](02_how_long_until_they_see_it.ipynb)), or when your traffic is many small events: it bills by them
# ([notebook 06](06_renting_or_owning.ipynb)).
#
# ## The claims ledger
#
# A claim may hold, hold under a condition, no longer hold, or never have held. Some claims cannot be tested on one
# machine. Others are true by construction: we wrote both programs, so no other result was possible, and the result
# proves nothing. They are counted separately, in a second table. The column "known" says where a figure comes from:
# measured or counted here, modelled, stated as we built it, or from the vendor's own text (first hand) or a quotation
# of it (second hand), or that there is no source. In parentheses are the lowest and the highest of the repeats; of five
# repeats they enclose the true median in 15 of 16 cases, of three in 3 of 4.

# %%
claims = ledger.table(chosen_folder())
wording.Prose(ledger.totals(claims))

# %%
assert (claims.loc[claims["verdict"] == "holds when", "when"] != "").all()
wording.Prose(ledger.markdown(claims))
