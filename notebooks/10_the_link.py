# %% [markdown]
# # What do TLS, HTTP/2, compression and better polling change?
#
# **They make a poll cheap in bytes, and do not change who waits.** HTTP/2 sends the headers of a poll as references to
# earlier ones. So most of what a client sends disappears, and one connection carries everything. Requests, empty
# responses and waits stay as they were. Compression helps streams, WebSockets and long texts. Polling can be improved,
# too: back-off saves requests, but messages are seen later; jitter keeps clients from asking in the same moment;
# conditional requests hardly save anything.
#
# Each scenario was measured in a run of its own, on the machine of the reference, in short windows. Conclusions rest on
# requests and bytes, which are exact counts. The only latency that is shown is a poller's wait, which takes seconds.
# CPU time is shown, and compared only between transports of one repeat, since the speed of the machine changes.

# %%
from notebooks.analysis import comparisons, link, wording
from notebooks.analysis.comparisons import SHORT
from notebooks.analysis.prices import remarks_on

links = link.points_of("link")
plain, tls, h2 = links.values()
assert {"plain", "tls", "h2"} == {str(run.cells["link"].iloc[0]) for run in links.values()}
assert all(
    (run.cells["lost"] + run.cells["duplicates"] + run.cells["out_of_order"] == 0).all() for run in links.values()
)
print("Bytes on the wire for each message delivered, both ways:")
link.by_transport(links, link.bytes_each)

# %%
ratio = {slug: link.beside(h2, plain, slug) for slug in h2.slugs}
assert 0.6 < ratio[SHORT] < 0.75 and 0.45 < ratio[link.LONG] < 0.6, "as notebook 09 says: a third to half is saved"
assert all(1 < link.beside(tls, plain, slug) < 1.3 for slug in tls.slugs)
assert abs(link.beside(h2, tls, link.RAW) - 1) < 0.02, "both are HTTP/1.1 over TLS"
print(", ".join(f"{h2.label_of(slug)}: {part:.0%} of the bytes in the clear" for slug, part in ratio.items()))

# %% [markdown]
# A WebSocket gains nothing: neither uvicorn nor nginx offers WebSockets over HTTP/2 (RFC 8441), so it has a connection
# of its own, with HTTP/1.1 over TLS. TLS adds 22 bytes to each frame or batch of frames (RFC 8446 section 5.2). Long
# polling and event streams need one connection less. With HTTP/1.1 the request that is held blocks its connection, so a
# client needs a second one to send.

# %%
print("Connections of each user:")
link.by_transport(links, lambda run, slug: link.ratio(run, slug, "connections", "users"))

# %% [markdown]
# ## Which sentences of the earlier notebooks hold
#
# The earlier notebooks speak of HTTP/1.1 in the clear. Each sentence below is tested on each link, from the same runs.
# These runs contain messages only, so they say nothing about notebook 04.

# %%
assert all(row.holds(run) for row in link.SENTENCES for run in (plain, tls))
assert {row.text[:2] for row in link.SENTENCES if not row.holds(h2)} == {"01"}, "headers, and the connection to send on"
wording.table({row.text: {point: row.on(run) for point, run in links.items()} for row in link.SENTENCES})

# %% [markdown]
# ## What a handshake carries
#
# A TLS handshake is paid once for each connection: certificate, keys, and proofs. A session can be resumed, which
# leaves out the certificate. Right after it the server sends tickets for later sessions. They are not counted here.

# %%
handshakes = link.points_of("handshakes")
kept, closed, resumed = (link.bytes_each(run, SHORT) for run in handshakes.values())
assert kept < resumed < closed
link.side_by_side(handshakes, link.HANDSHAKES)

# %%
assert kept < 0.5 * closed, "most bytes go to opening and closing"
wording.Prose(
    f"Where each response closes its connection, **{1 - kept / closed:.0%}** of all bytes go to opening and closing "
    f"connections, or **{1 - kept / resumed:.0%}** if sessions are resumed."
)

# %% [markdown]
# ## nginx before the server
#
# TLS and HTTP/2 usually end in a proxy. nginx compresses the headers of its responses with HPACK's dynamic table and
# Huffman code, which the experimental HTTP/2 of uvicorn does not, so responses are a little smaller. Behind nginx
# everything is HTTP/1.1. Its CPU time has a column of its own (`proxy_cpu_s`). The Pusher adapter is left out: its
# clients read at the push service, which has an address of its own, so nginx stands before its API only.

# %%
ends = link.points_of("proxy")
in_server, in_nginx = ends.values()
assert all(0.9 < link.beside(in_nginx, in_server, slug) < 1 for slug in (SHORT, link.LONG))
assert (in_nginx.cells["proxy_cpu_s"] > 0).all() and not in_server.cells["proxy_cpu_s"].any()
print("Bytes on the wire for each message delivered, both ways:")
link.by_transport(ends, link.bytes_each)

# %%
print("CPU time of nginx for each message delivered, in µs, in addition to the server's own:")
link.by_transport(ends, lambda run, slug: 1e6 * link.ratio(run, slug, "proxy_cpu_s"))

# %% [markdown]
# ## Compression
#
# gzip for responses and event streams, permessage-deflate for WebSockets; the texts are prose. A stream must be flushed
# after each event: otherwise the compressor keeps events back. So each event ends a block. A short event still shrinks,
# since the compressor remembers the events before it. That memory is the price: each stream and each WebSocket has its
# own, for as long as it is open. A response has none, so a short one shrinks little. The Pusher adapter is left out:
# what its clients read is the vendor's to compress, and the stand-in compresses nothing.

# %%
packed = link.points_of("compression")
short, short_packed, long, long_packed = packed.values()
left = {slug: (link.beside(short_packed, short, slug), link.beside(long_packed, long, slug)) for slug in short.slugs}
assert max(left[link.RAW][0], left[link.STREAM][0]) < 0.6 < 0.8 < min(left[link.LONG][0], left[SHORT][0])
assert max(of_long for _, of_long in left.values()) < 0.75
print("Bytes on the wire for each message delivered, both ways:")
link.by_transport(packed, link.bytes_each)

# %%
print("CPU time of the server for each message delivered, in µs:")
link.by_transport(packed, lambda run, slug: 1e6 * link.ratio(run, slug, "api_cpu_s"))

# %%
more_kb = {}
for slug in (link.RAW, link.STREAM):
    plain_bytes, packed_bytes = (link.ratio(run, slug, "api_rss_bytes", "users") for run in (long, long_packed))
    more_kb[slug] = (packed_bytes - plain_bytes) / 1000
assert more_kb[link.STREAM] > more_kb[link.RAW] > 20
print(", ".join(f"{long.label_of(slug)}: {more:,.0f} kB more for each user" for slug, more in more_kb.items()))

# %% [markdown]
# ## Polling done well
#
# 100 users in rooms of ten, in which a message comes every five seconds. **Conditional requests** (If-None-Match, RFC
# 9110 section 13.1.2): the response to a poll that would be empty is 304, without a body. The request, which is most of
# a poll, gets longer. **Back-off**: the pause doubles while nothing comes, from 2 s to 8 s, and news resets it.
# **Jitter**: each pause is half as long to one and a half times as long. In the last two columns all users begin in the
# same moment. The windows are short: requests differ from theory by less than three standard errors, except that with
# jitter slightly fewer come; waits differ by more.

# %%
ways = link.points_of("better_polling")
usual, conditional, backing_off, together, parted = ways.values()
*within, (beside,) = (remarks_on(run, SHORT) for run in ways.values())
assert not any(within) and "requests each" in beside, "within three standard errors of theory, except with jitter"
asked = [link.ratio(run, SHORT, "requests_receive", "measured_s") for run in (usual, backing_off)]
assert asked[1] < 0.7 * asked[0]
assert comparisons.latency_ms(backing_off, SHORT, 50).value > 1.3 * comparisons.latency_ms(usual, SHORT, 50).value
assert together.cells["peak_requests"].min() > 0.8 * 100 > 0.5 * 100 > parted.cells["peak_requests"].max()
link.side_by_side(ways, link.POLLING)

# %%
saved = 1 - link.beside(conditional, usual, SHORT)
up = [link.ratio(run, SHORT, "up_bytes") for run in (usual, conditional)]
assert link.ratio(usual, SHORT, "down_bytes") < up[0] < up[1], "the request is most of a poll, and gets longer"
assert 0 < saved < 0.1, "the body that is left out is a small part of a poll"
wording.Prose(f"Conditional requests save **{saved:.0%}** of the bytes, in the clear and with a browser's headers.")
