# %% [markdown]
# # What crosses the wire?
#
# **A poll is mostly headers; a pushed message is mostly message.** To bring one short message to one reader, a poll
# spends several times as many bytes on its request line and headers as on the message. On an open connection the same
# message is its content and a frame header of a few bytes. What follows was recorded: two people talk for ten seconds
# on each transport, with a browser's headers, and every byte belongs to one labelled part. So that there is something
# to see in so short a time, clients poll every second here; elsewhere they poll every two, unless stated.

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

title = f"One message costs a poll {polled.size:,} bytes, and an open connection {raw.size:,}"
measure = "Every byte that brought one message to one reader: dark is content, pale is headers and framing"
picture(message_bytes.draw, list(weights.values()), title, measure)

# %% [markdown]
# ## Asking, holding, pushing
#
# The source document draws who speaks when. Here are the same drawings made from the recordings: the same seconds of
# the same conversation on each transport, as one reader's connections carried them, in their order. Times are in
# seconds from the start of the recording. A request that was sent before these seconds and answered in them stands
# first; so its time can be negative.

# %%
from notebooks.analysis.figures import sequence

title = "Who asks, who is asked, and how often the answer is no"
measure = "One reader, a poll each second. Bold is news, dotted an empty answer; negative times: sent before the start"
picture(sequence.draw, recorded, title, measure)

# %%
empty = {slug: sum(sequence.is_empty(each) for each in sequence.excerpt(capture)) for slug, capture in recorded.items()}
print("empty responses, of what is shown: " + ", ".join(f"{slug} {count}" for slug, count in empty.items()))
assert {slug for slug, count in empty.items() if count} == {"short_polling"}

# %% [markdown]
# ## The headers of an empty poll
#
# Lubbers and Greco ("HTML5 WebSocket: A Quantum Leap in Scalability for the Web", 2010) counted 871 bytes of headers
# for one poll, and compared them with 2 bytes of a WebSocket frame. Their table has two faults. It divides by 2^20
# where a megabit has 10^6 bits, so 6.97 Mbit/s became 6.6. And 2 bytes are the least that a frame can have: a client's
# frame is masked, which takes 4 more, and 126 bytes or more of payload take another 2.
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
print(f"an empty poll: {poll.overhead_bytes} bytes of headers, {poll.content_bytes} of content; theirs: 871 of headers")
assert frame == raw.overhead_bytes, "the frame that was recorded is as RFC 6455 says"
assert 600 < poll.overhead_bytes < 1300, "a browser's headers are of the order that they counted"

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
# keeps its connection, which saves two of them. Most of the time is lost earlier: the client waits five seconds for the
# WebSocket (two with TLS, by its source), and four more for the stream. It never receives what was published in that
# time, unless the API keeps a log that it can read.
#
# ## What a phone pays
#
# A phone's radio stays on for some seconds after each packet, however small, and that is what empties the battery. This
# is a **model, not a measurement**: a radio that is on from each packet until an inactivity timer of 10 s expires, the
# value that papers on LTE call typical (at second hand; the long tail was measured by Huang et al., "A Close
# Examination of Performance and Power Characteristics of 4G LTE Networks", MobiSys 2012). The first column uses the
# moments of the recorded packets; the second assumes an hour in which nobody writes, with the upkeep of our settings.

# %%
from notebooks.analysis import radio
from notebooks.analysis.prices import predict
from notebooks.analysis.runs import chosen
from results.predictions import upkeep_period_s

settings = chosen("conversation")
assert radio.INACTIVITY_S == 10, "as the text says"
quiet_s = {slug: radio.in_silence_s(settings, slug) for slug in recorded}
assert all(radio.while_talking_s(capture) > 0.9 * radio.HOUR_S for capture in recorded.values())
assert quiet_s["short_polling"] == quiet_s["pusher_adapter"] == radio.HOUR_S
assert quiet_s["long_polling"] < quiet_s["raw_websocket"] == quiet_s["server_sent_events"] < 0.6 * radio.HOUR_S
print(f"model: on from each packet for {radio.INACTIVITY_S:g} s")

# %%
rows = {
    settings.label_of(slug): {
        "radio on in an hour like the recording, model": f"{radio.while_talking_s(capture):,.0f} s",
        "in an hour of silence, model": f"{quiet_s[slug]:,.0f} s",
        "because of a packet every": f"{upkeep_period_s(predict(settings, slug)):g} s",
    }
    for slug, capture in recorded.items()
}
wording.table(rows)

# %% [markdown]
# While people talk, the radio never sleeps, and the transport makes no difference. In silence the period of the upkeep
# decides, not the transport: everything that sends every ten seconds or more often keeps the radio on for the whole
# hour. Our Pusher clients do, since they renew their lease by a heartbeat. A phone app therefore lets the operating
# system's own push service wake it, and connects only while it is open.
