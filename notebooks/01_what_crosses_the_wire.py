# %% [markdown]
# # What crosses the wire?
#
# **Mostly form, if one asks; mostly content, if one is told.** To bring one short message to one reader, a poll spends
# several times as many bytes on its request line and headers as on the message. On an open line the same message is its
# content and a frame header of a few bytes. What follows was recorded, not drawn: two people talk for some seconds on
# each transport, with a browser's headers, and every byte belongs to one labelled part.

# %%
from notebooks.analysis import wording
from notebooks.analysis.runs import chosen_folder
from notebooks.analysis.wire.captures import captures
from notebooks.analysis.wire.labels import empty_poll, one_message
from results import theory
from results.schema import CAPTURES_FILE

recorded = captures(chosen_folder() / CAPTURES_FILE)
print("\n".join(f"{slug}: {len(capture.connections)} connections" for slug, capture in recorded.items()))

# %%
weights = {slug: one_message(capture) for slug, capture in recorded.items()}
polled, raw = weights["short_polling"], weights["raw_websocket"]
assert polled.overhead_bytes > 3 * polled.content_bytes
assert raw.overhead_bytes < 8, "a frame header of at most four bytes, for what a chat says"
wording.Prose(
    f"One message: **{polled.size:,} bytes** by short polling, of which {polled.content_bytes:,} are content; "
    f"**{raw.size:,} bytes** by raw WebSocket, of which {raw.content_bytes:,} are content."
)

# %%
from notebooks.analysis.figures import message_bytes
from notebooks.analysis.figures.style import picture

title = f"One message costs a poll {polled.size:,} bytes, and an open line {raw.size:,}"
measure = "Every byte that brought one message to one reader: dark is content, pale is form"
picture(message_bytes.draw, list(weights.values()), title, measure)

# %% [markdown]
# ## Asking, holding, pushing
#
# The source document draws who speaks when. Here are the same drawings made from the recordings: the same seconds of
# the same conversation on each transport, as one reader's wire carried them, in their order. What asked before these
# seconds and was answered in them stands first.

# %%
from notebooks.analysis.figures import sequence

title = "Who asks, who is asked, and how often the answer is no"
measure = "Recorded on one reader's wire. Bold is news; dotted is an answer that says no"
picture(sequence.draw, recorded, title, measure)

# %%
nos = {slug: sum(sequence.is_empty(each) for each in sequence.excerpt(capture)) for slug, capture in recorded.items()}
print("answers that say no, of what is shown: " + ", ".join(f"{slug} {count}" for slug, count in nos.items()))
assert nos["short_polling"] > 0 == nos["long_polling"] == nos["raw_websocket"] == nos["server_sent_events"]

# %% [markdown]
# ## The headers of a question that is answered with nothing
#
# Lubbers and Greco ("HTML5 WebSocket: A Quantum Leap in Scalability for the Web", 2010) counted 871 bytes of headers
# for one poll, and set 2 bytes of a WebSocket frame against them. Two things are to be said of their table. It
# divides by 2^20 where a megabit has 10^6 bits, so 6.97 Mbit/s became 6.6. And 2 bytes are the least a frame can
# have: a client's frame is masked, which takes 4 more, and 126 bytes or more of payload take another 2.
# The headers of today are those that Chrome 142 sends from a page of the same origin, as our load tests send them.

# %%
poll = empty_poll(recorded["short_polling"])
frame = theory.frame_overhead_bytes(raw.content_bytes, masked=False)
PRINTED = {1_000: "6.6", 10_000: "66", 100_000: "665"}
rows = {}
for clients in PRINTED:
    rows[f"{clients:,} clients, a poll a second"] = {
        "theirs, as printed": f"{PRINTED[clients]} Mbit/s",
        "audited": f"{theory.header_bits_per_s(871, clients, 1) / 1e6:,.2f} Mbit/s",
        "today, polling": f"{theory.header_bits_per_s(poll.overhead_bytes, clients, 1) / 1e6:,.2f} Mbit/s",
        "their WebSocket, audited": f"{theory.header_bits_per_s(2, clients, 1) / 1e6:,.3f} Mbit/s",
        "today, WebSocket": f"{theory.header_bits_per_s(frame, clients, 1) / 1e6:,.3f} Mbit/s",
    }
wording.table(rows)

# %%
print(f"an empty poll: {poll.overhead_bytes} bytes of form and {poll.content_bytes} of content; theirs: 871 of form")
assert frame == raw.overhead_bytes, "the frame that was recorded is as RFC 6455 says"
assert 600 < poll.overhead_bytes < 1300, "a browser's headers are of the order that they counted"

# %% [markdown]
# ## The connection closes?
#
# The source document lets every answer end with "[Connection closes]". That was HTTP/1.0. Today a connection is kept
# for the next question, and the recording shows it: many questions, few connections.

# %%
from notebooks.analysis.wire.captures import wire_messages

messages = wire_messages(recorded["short_polling"])
questions, lines = sum(each.kind == "request" for each in messages), len({each.connection for each in messages})
print(f"{questions} requests on {lines} connections")
assert questions > 2 * lines

# %% [markdown]
# ## Is Pusher WebSockets?
#
# The source document says so. We recorded the vendor's own client, pusher-js, and let it choose its transport. First
# the network was open. Then a proxy removed `Upgrade` from each request, as a proxy must that does not know WebSockets.
# Then the proxy also kept each response until it had ended, as buffering proxies do. The stand-in is 50 ms away. Each
# time we published ten pairs of messages: one, and the next right after it.

# %%
from notebooks.analysis.wire import fallbacks

networks = fallbacks.pusher_js(chosen_folder() / CAPTURES_FILE)
fallbacks.table(networks)

# %%
opened, streaming, polling = networks.values()
assert [client.transport for client in networks.values()] == ["ws", "xhr_streaming", "xhr_polling"]
assert opened.subscribed_s < 2 < 5 < streaming.subscribed_s < 9 < polling.subscribed_s
assert all(client.median_ms(0) < opened.one_way_delay_ms + 20 for client in networks.values())
print(f"a message right after another waits {polling.median_ms(1) - polling.median_ms(0):.0f} ms more when polled")
assert streaming.median_ms(1) < opened.one_way_delay_ms + 20 < 150 < polling.median_ms(1)

# %% [markdown]
# **So Pusher is WebSockets where the network lets them through.** Elsewhere its client uses HTTP. The streamed response
# is as quick as a WebSocket. If it is kept back, the client sends long polls: the next message waits until the next
# request is there. Here that is four transits, because under node each request opens a connection first; a browser
# keeps its connection, which saves two of them. Most of the time is lost before: the client waits for the WebSocket for
# five seconds (two with TLS, by its source), and for the stream for four more. What is published meanwhile it never
# gets, unless the API keeps a log that it can read.
