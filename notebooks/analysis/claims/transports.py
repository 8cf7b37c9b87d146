"""How claims about polling and WebSockets are tested: each function turns a run into a figure and a verdict."""

from notebooks.analysis.claims.claim import (
    INSTANT_MS,
    Evidence,
    Finding,
    format_amount,
    format_percent,
    format_time,
    holds_if,
    holds_when,
    no_longer_if,
)
from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.prices import CPU, EMPTY, REQUESTS, by_repeat
from notebooks.analysis.wire.labels import EVENT_LABELS, label

POLLERS = {"short polling": "short_polling", "long polling": "long_polling"}
WEBSOCKET, SHORT, LONG, STREAM = "raw_websocket", "short_polling", "long_polling", "server_sent_events"
COMMAND_LABELS = ("join", "send message", "I am typing", "I have read", "goodbye")


def two_way(evidence: Evidence) -> Finding:
    frames = [each for each in evidence.messages(WEBSOCKET) if each.kind == "frame"]
    directions = {(each.connection, each.up) for each in frames}
    connections = {connection for connection, _ in directions}
    up = sum(each.up for each in frames)
    return holds_if(
        len(directions) == 2 * len(connections),
        f"{up} frames up and {len(frames) - up} down on {len(connections)} connections",
        "Each user's one line carried both ways.",
    )


def connection_closes(evidence: Evidence) -> Finding:
    messages = evidence.messages(SHORT)
    requests, connections = (
        sum(each.kind == "request" for each in messages),
        len({each.connection for each in messages}),
    )
    extra = ", ".join(f"{name} {format_percent(_closing_percent(evidence, slug))}" for name, slug in POLLERS.items())
    return no_longer_if(
        requests > 2 * connections,
        f"{requests} requests on {connections} connections; closing each takes so much more server CPU: {extra}",
        "HTTP/1.1 keeps a connection for the next question unless somebody asks to close it (RFC 9112, section 9.3).",
    )


def _closing_percent(evidence: Evidence, slug: str) -> Interval:
    """Return how much more server CPU each delivery takes if every response closes its connection, by repeat."""
    runs = [evidence.run("keep_alive", point) for point in ("connections kept", "closed after each answer")]
    pairs = zip(*(by_repeat(run.cells_of(slug), CPU) for run in runs), strict=True)
    return interval([100 * (closed / kept - 1) for kept, closed in pairs])


def keeps_polling(evidence: Evidence) -> Finding:
    run = evidence.run("idle")
    cells = run.cells_of(SHORT)
    per_minute = 60 * float(cells["requests_receive"].sum() / (cells["users"] * cells["measured_s"]).sum())
    interval_s = run.setting("poll_interval_s")
    return holds_if(
        per_minute > 0.9 * 60 / (interval_s + 0.1),
        f"{per_minute:.1f} questions a minute from each user who is told nothing",
        f"A poller asks every {interval_s:g} s, whether or not there is news.",
    )


def wastes_resources(evidence: Evidence) -> Finding:
    idle, busy = (evidence.paid(scenario, SHORT, EMPTY) for scenario in ("idle", "busy"))
    return holds_when(
        idle.value > 50 > busy.value,
        f"empty answers: {format_percent(idle)} in an idle crowd, {format_percent(busy)} in a busy room",
        "It holds when little is said: then nearly every question is asked for nothing; in a busy room none is.",
    )


def not_instant(evidence: Evidence) -> Finding:
    median, p95 = (evidence.latency_ms("conversation", SHORT, percent) for percent in (50, 95))
    return holds_if(
        median.value > INSTANT_MS,
        f"p50 {format_time(median)}, p95 {format_time(p95)}",
        "A message waits for its reader's next question: uniformly, between nothing and the whole interval.",
    )


def stays_open(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    users, reopened = int(cells["users"].sum()), int(cells["requests_upkeep"].sum())
    return holds_if(
        reopened == 0,
        f"of {users} lines {reopened} had to be opened again within {cells['measured_s'].sum():.0f} s",
        "No line broke in any repeat; what a restart does to them is another claim.",
    )


def pushes_instantly(evidence: Evidence) -> Finding:
    median, p99 = (evidence.latency_ms("conversation", WEBSOCKET, percent) for percent in (50, 99))
    far = format_time(evidence.latency_ms("distance", WEBSOCKET, 50, point="100 ms away"))
    return holds_if(
        p99.value < INSTANT_MS,
        f"p50 {format_time(median)}, p99 {format_time(p99)} on one machine; {far} if both ends are 100 ms away",
        "As instant as the way is short: a message makes two transits, and waits for nobody.",
    )


def needs_no_requests(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    reads = int(cells["requests_receive"].sum())
    return holds_if(
        reads == 0, f"{reads} requests for news in {len(cells)} repeats", "The question is asked once, by joining."
    )


def acknowledges_receipt(evidence: Evidence) -> Finding:
    frames = [each for each in evidence.messages(WEBSOCKET) if each.kind == "frame" and each.head == "text"]
    pushed = sum(not each.up and any(kind in label(each) for kind in EVENT_LABELS.values()) for each in frames)
    acknowledged = sum(each.up and label(each) not in COMMAND_LABELS for each in frames)
    return holds_when(
        acknowledged == 0,
        f"{pushed} pushed pages, answered by {acknowledged} frames",
        "It holds when the application adds it, as read receipts do: the protocol acknowledges nothing but pings, and "
        "TCP does so unseen. What a broken line had under way is lost unless a cursor asks for it.",
    )


def presence_pushed(evidence: Evidence) -> Finding:
    return _pushed(evidence, "presence", "Coming and going are events of the same log.")


def typing_pushed(evidence: Evidence) -> Finding:
    return _pushed(evidence, "typing", "A typing notice is pushed like a message, and expires by itself.")


def receipts_instant(evidence: Evidence) -> Finding:
    return _pushed(evidence, "receipt", "A receipt is an event like any other.")


def _pushed(evidence: Evidence, kind: str, because: str) -> Finding:
    median, p95 = (evidence.latency_ms("signals", WEBSOCKET, percent, kind) for percent in (50, 95))
    return holds_if(p95.value < INSTANT_MS, f"p50 {format_time(median)}, p95 {format_time(p95)}", because)


def mostly_empty(evidence: Evidence) -> Finding:
    idle, talk = (evidence.paid(scenario, SHORT, EMPTY) for scenario in ("idle", "conversation"))
    return holds_when(
        idle.value > 50 > talk.value,
        f"answers that say no: {format_percent(idle)} in an idle crowd, "
        f"{format_percent(talk)} in a conversation of ten",
        "It holds when fewer than about two messages come per three intervals: theory says exp(-lambda T).",
    )


def polling_is_outdated(evidence: Evidence) -> Finding:
    short, long, pushed = (evidence.paid("busy", slug, CPU).value for slug in (SHORT, LONG, WEBSOCKET))
    return holds_when(
        short < long,
        f"server CPU per delivery in a busy room: {short:.0f} us by short, {long:.0f} by long polling, "
        f"{pushed:.0f} by raw WebSocket",
        "It holds when news is rare or urgent: in a busy room a poll collects what came, and undercuts long polling.",
    )


def sends_on_the_connection(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    posts, frames = int(cells["requests_send"].sum()), int(cells["command_frames"].sum())
    return holds_if(
        posts == 0 < frames,
        f"{frames:,} commands as frames, {posts} as requests",
        "What a client says needs no request either.",
    )


def polls_every_2_s(evidence: Evidence) -> Finding:
    polled, held, streamed = (evidence.latency_ms("conversation", slug) for slug in (SHORT, LONG, STREAM))
    return holds_when(
        max(held.value, streamed.value) < INSTANT_MS < polled.value,
        f"p50 {format_time(polled)} polling every 2 s; without any WebSocket also {format_time(held)} by long polling, "
        f"{format_time(streamed)} by server sent events",
        "It holds when the only other way is short polling: an answer that is held, or never ends, is instant too.",
    )


def typing_not_possible(evidence: Evidence) -> Finding:
    polled, held = (evidence.true_percent("signals", slug, "typing") for slug in (SHORT, LONG))
    late, true = format_time(evidence.latency_ms("signals", SHORT, 50, "typing")), format_percent(polled)
    return no_longer_if(
        polled.value > 50 and held.value > 99,
        f"polling every 2 s: {late} late, {true} still true; held: {format_percent(held)}",
        "Polled notices are late and some are lies by then, but most are not; long polling shows them all in time.",
    )


def typing_real_time(evidence: Evidence) -> Finding:
    true = evidence.true_percent("signals", WEBSOCKET, "typing")
    p95 = format_time(evidence.latency_ms("signals", WEBSOCKET, 95, "typing"))
    return holds_if(true.value > 99, f"p95 {p95}, {format_percent(true)} still true", "Nothing expires on its way.")


def online_every_5_s(evidence: Evidence) -> Finding:
    interval_s = evidence.run("presence_poll").setting("poll_interval_s")
    late = evidence.latency_ms("presence_poll", SHORT, 50, "presence")
    true = format_percent(evidence.true_percent("presence_poll", SHORT, "presence"))
    return holds_when(
        evidence.latency_ms("signals", LONG, 50, "presence").value < INSTANT_MS < late.value,
        f"p50 {format_time(late)}, {true} still true, polling every {interval_s:g} s",
        "It holds when the list is polled: then it is half an interval old. It may also be held or streamed.",
    )


def receipts_delayed(evidence: Evidence) -> Finding:
    polled, held = (evidence.latency_ms("signals", slug, 50, "receipt") for slug in (SHORT, LONG))
    return holds_when(
        held.value < INSTANT_MS < polled.value,
        f"p50 {format_time(polled)} by short polling, {format_time(held)} by long polling",
        "It holds when the client waits between questions; a held question is answered at once.",
    )


def fewer_requests(evidence: Evidence) -> Finding:
    polled, pushed = (evidence.paid("conversation", slug, REQUESTS) for slug in (SHORT, WEBSOCKET))
    return holds_if(
        pushed.value < polled.value,
        f"{format_amount(polled, 'requests per delivery')} by short polling, "
        f"{format_amount(pushed, 'by raw WebSocket')}",
        "A line that stays open needs one request, however much it carries.",
    )
