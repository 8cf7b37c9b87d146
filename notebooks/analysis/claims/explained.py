"""What the source document says of polling and of WebSockets themselves."""

from notebooks.analysis.claims.claim import (
    Claim,
    Evidence,
    Finding,
    amount_told,
    holds_if,
    holds_when,
    no_longer_if,
    percent_told,
    time_told,
)
from notebooks.analysis.intervals import Interval, interval
from notebooks.analysis.prices import CPU, EMPTY, REQUESTS, by_repeat
from notebooks.analysis.wire.meaning import NEWS, meaning

WHAT, HTTP, SOCKET = "What is a WebSocket?", "Normal HTTP", "WebSocket (Persistent connection)"
OLD, MODERN = "HTTP Polling (Old way)", "WebSocket (Modern way)"
INSTANT_MS = 100.0
"""What people take for instant: Nielsen, Usability Engineering, 1993, section 5.5."""
POLLERS = {"short polling": "short_polling", "long polling": "long_polling"}
WEBSOCKET, SHORT, LONG, STREAM = "raw_websocket", "short_polling", "long_polling", "server_sent_events"


def two_way(evidence: Evidence) -> Finding:
    frames = [said for said in evidence.said(WEBSOCKET) if said.kind == "frame"]
    lines = {said.line for said in frames}
    up, down = sum(said.up for said in frames), sum(not said.up for said in frames)
    both = all({said.up for said in frames if said.line == line} == {True, False} for line in lines)
    return holds_if(
        both, f"{up} frames up and {down} down on {len(lines)} connections", "Each user's one line carried both ways."
    )


def closes(evidence: Evidence) -> Finding:
    said = evidence.said(SHORT)
    requests, lines = sum(each.kind == "request" for each in said), len({each.line for each in said})
    dearer = ", ".join(f"{name} {percent_told(closing(evidence, slug))}" for name, slug in POLLERS.items())
    figure = f"{requests} requests on {lines} connections; closing each takes so much more server CPU: {dearer}"
    return no_longer_if(
        requests > 2 * lines,
        figure,
        "HTTP/1.1 keeps a connection for the next question unless somebody asks to close it (RFC 9112, section 9.3).",
    )


def closing(evidence: Evidence, slug: str) -> Interval:
    """Return how much more server CPU each delivery takes if every answer closes its connection, in %, by repeat."""
    kept, closed = (evidence.run("keep_alive", point) for point in ("connections kept", "closed after each answer"))
    pairs = zip(*(by_repeat(run.cells_of(slug), CPU) for run in (kept, closed)), strict=True)
    return interval([100 * (dearer / cheaper - 1) for cheaper, dearer in pairs])


def keeps_asking(evidence: Evidence) -> Finding:
    run = evidence.run("idle")
    cells = run.cells_of(SHORT)
    per_minute = 60 * float(cells["requests_receive"].sum() / (cells["users"] * cells["measured_s"]).sum())
    interval_s = run.setting("poll_interval_s")
    return holds_if(
        per_minute > 0.9 * 60 / (interval_s + 0.1),
        f"{per_minute:.1f} questions a minute from each user who is told nothing",
        f"A poller asks every {interval_s:g} s, whether or not there is news.",
    )


def wastes(evidence: Evidence) -> Finding:
    idle, busy = (evidence.paid(scenario, SHORT, EMPTY) for scenario in ("idle", "busy"))
    return holds_when(
        idle.value > 50 > busy.value,
        f"empty answers: {percent_told(idle)} in an idle crowd, {percent_told(busy)} in a busy room",
        "It holds when little is said: then nearly every question is asked for nothing; in a busy room none is.",
    )


def not_instant(evidence: Evidence) -> Finding:
    median, slow = (evidence.late_ms("conversation", SHORT, percent) for percent in (50, 95))
    return holds_if(
        median.value > INSTANT_MS,
        f"p50 {time_told(median)}, p95 {time_told(slow)}",
        "A message waits for its reader's next question: uniformly, between nothing and the whole interval.",
    )


def stays_open(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    users, opened = int(cells["users"].sum()), int(cells["requests_upkeep"].sum())
    return holds_if(
        opened == 0,
        f"of {users} lines {opened} had to be opened again within {cells['measured_s'].sum():.0f} s",
        "No line broke in any repeat; what a restart does to them is another claim.",
    )


def pushes_instantly(evidence: Evidence) -> Finding:
    here, slow = (evidence.late_ms("conversation", WEBSOCKET, percent) for percent in (50, 99))
    away = evidence.late_ms("distance", WEBSOCKET, 50, point="100 ms away")
    return holds_if(
        slow.value < INSTANT_MS,
        f"p50 {time_told(here)}, p99 {time_told(slow)} on one machine; {time_told(away)} if both ends are 100 ms away",
        "As instant as the way is short: a message makes two transits, and waits for nobody.",
    )


def no_asking(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    reads = int(cells["requests_receive"].sum())
    return holds_if(
        reads == 0, f"{reads} requests for news in {len(cells)} repeats", "The question is asked once, by joining."
    )


def got_it(evidence: Evidence) -> Finding:
    said = [each for each in evidence.said(WEBSOCKET) if each.kind == "frame" and each.head == "text"]
    pushed = sum(not each.up and any(news in meaning(each) for news in NEWS.values()) for each in said)
    thanks = sum(
        each.up and meaning(each) not in ("join", "send message", "I am typing", "I have read", "goodbye")
        for each in said
    )
    return holds_when(
        thanks == 0,
        f"{pushed} pushed pages, answered by {thanks} frames",
        "It holds when the application adds it, as read receipts do: the protocol acknowledges nothing but pings, and "
        "TCP does so unseen. What a broken line had under way is lost unless a cursor asks for it.",
    )


def presence_pushed(evidence: Evidence) -> Finding:
    return _pushed(evidence, "presence", "Coming and going are events of the same log.")


def typing_pushed(evidence: Evidence) -> Finding:
    return _pushed(evidence, "typing", "A typing notice is pushed like a message, and expires by itself.")


def _pushed(evidence: Evidence, kind: str, because: str) -> Finding:
    median, slow = (evidence.late_ms("signals", WEBSOCKET, percent, kind) for percent in (50, 95))
    return holds_if(slow.value < INSTANT_MS, f"p50 {time_told(median)}, p95 {time_told(slow)}", because)


def mostly_no(evidence: Evidence) -> Finding:
    quiet, talk = (evidence.paid(scenario, SHORT, EMPTY) for scenario in ("idle", "conversation"))
    return holds_when(
        quiet.value > 50 > talk.value,
        f"answers that say no: {percent_told(quiet)} in an idle crowd, {percent_told(talk)} in a conversation of ten",
        "It holds when fewer than about two messages come per three intervals: theory says exp(-lambda T).",
    )


def old_way(evidence: Evidence) -> Finding:
    polled, held = (evidence.paid("busy", slug, CPU) for slug in (SHORT, LONG))
    pushed = evidence.paid("busy", WEBSOCKET, CPU)
    return holds_when(
        polled.value < held.value,
        f"server CPU per delivery in a busy room: {polled.value:.0f} us by short, {held.value:.0f} by long polling, "
        f"{pushed.value:.0f} by raw WebSocket",
        "It holds when news is rare or urgent: in a busy room a poll collects what came, and undercuts long polling.",
    )


def sends_on_the_line(evidence: Evidence) -> Finding:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    posts, frames = int(cells["requests_send"].sum()), int(cells["command_frames"].sum())
    return holds_if(
        posts == 0 < frames,
        f"{frames:,} commands as frames, {posts} as requests",
        "What a client says needs no request either.",
    )


def polls_every_2_s(evidence: Evidence) -> Finding:
    polled = evidence.late_ms("conversation", SHORT)
    others = {slug: evidence.late_ms("conversation", slug) for slug in (LONG, STREAM)}
    told = ", ".join(f"{time_told(median)} by {slug.replace('_', ' ')}" for slug, median in others.items())
    return holds_when(
        max(median.value for median in others.values()) < INSTANT_MS < polled.value,
        f"p50 {time_told(polled)} polling every 2 s; without any WebSocket also {told}",
        "It holds when the only other way is short polling: an answer that is held, or never ends, is instant too.",
    )


def new_message_instant(evidence: Evidence) -> Finding:
    return pushes_instantly(evidence)


def typing_not_possible(evidence: Evidence) -> Finding:
    polled, held = (evidence.true_percent("signals", slug, "typing") for slug in (SHORT, LONG))
    late = evidence.late_ms("signals", SHORT, 50, "typing")
    return no_longer_if(
        polled.value > 50 and held.value > 99,
        f"polling every 2 s: {time_told(late)} late, {percent_told(polled)} still true; held: {percent_told(held)}",
        "Polled notices are late and some are lies by then, but most are not; long polling shows them all in time.",
    )


def typing_real_time(evidence: Evidence) -> Finding:
    true = evidence.true_percent("signals", WEBSOCKET, "typing")
    late = evidence.late_ms("signals", WEBSOCKET, 95, "typing")
    return holds_if(
        true.value > 99, f"p95 {time_told(late)}, {percent_told(true)} still true", "Nothing expires on its way."
    )


def online_every_5_s(evidence: Evidence) -> Finding:
    run = evidence.run("presence_poll")
    late, true = (
        evidence.late_ms("presence_poll", SHORT, 50, "presence"),
        evidence.true_percent("presence_poll", SHORT, "presence"),
    )
    return holds_when(
        evidence.late_ms("signals", LONG, 50, "presence").value < INSTANT_MS < late.value,
        f"p50 {time_told(late)}, {percent_told(true)} still true, polling every {run.setting('poll_interval_s'):g} s",
        "It holds when the list is polled: then it is half an interval old. It may also be held or streamed.",
    )


def online_instant(evidence: Evidence) -> Finding:
    return presence_pushed(evidence)


def receipts_delayed(evidence: Evidence) -> Finding:
    polled, held = (evidence.late_ms("signals", slug, 50, "receipt") for slug in (SHORT, LONG))
    return holds_when(
        held.value < INSTANT_MS < polled.value,
        f"p50 {time_told(polled)} by short polling, {time_told(held)} by long polling",
        "It holds when the client waits between questions; a held question is answered at once.",
    )


def receipts_instant(evidence: Evidence) -> Finding:
    return _pushed(evidence, "receipt", "A receipt is an event like any other.")


def requests_of(evidence: Evidence, slug: str) -> Interval:
    return evidence.paid("conversation", slug, REQUESTS)


def less_asking(evidence: Evidence) -> Finding:
    polled, pushed = requests_of(evidence, SHORT), requests_of(evidence, WEBSOCKET)
    return holds_if(
        pushed.value < polled.value,
        f"{amount_told(polled, 'requests per delivery')} by short polling, {amount_told(pushed, 'by raw WebSocket')}",
        "A line that stays open needs one request, however much it carries.",
    )


TABLE = "Why WebSockets for Chat?"
CLAIMS = (
    Claim(WHAT, "a persistent, two-way connection", "capture of two people talking", two_way),
    Claim(HTTP, "[Connection closes]", "keep_alive, and the capture", closes, matters=True),
    Claim(HTTP, "Browser has to keep asking (polling)", "idle", keeps_asking),
    Claim(HTTP, "Wastes resources", "idle against busy", wastes, matters=True),
    Claim(HTTP, "not instant", "conversation", not_instant),
    Claim(SOCKET, "[Connection stays open]", "conversation", stays_open),
    Claim(
        SOCKET, "Server can PUSH data to browser instantly", "conversation and distance", pushes_instantly, matters=True
    ),
    Claim(SOCKET, "No asking needed", "conversation", no_asking),
    Claim(SOCKET, 'Browser: "Got it!"', "capture of two people talking", got_it),
    Claim(SOCKET, "User X just came online!", "signals", presence_pushed),
    Claim(SOCKET, "Someone is typing...", "signals", typing_pushed),
    Claim(OLD, "Any updates? - No", "idle and conversation", mostly_no),
    Claim(OLD, "HTTP polling (old way)", "busy", old_way, matters=True),
    Claim(MODERN, "Send message, on the open connection", "conversation", sends_on_the_line),
    Claim(MODERN, "no more asking: Connection Open", "conversation", less_asking),
    Claim(TABLE, "New message without: poll every 2 sec", "conversation", polls_every_2_s, matters=True),
    Claim(TABLE, "New message with: instant", "conversation and distance", new_message_instant),
    Claim(TABLE, "Typing indicator without: not possible", "signals", typing_not_possible, matters=True),
    Claim(TABLE, "Typing indicator with: real-time", "signals", typing_real_time),
    Claim(TABLE, "Online status without: poll every 5 sec", "presence_poll", online_every_5_s),
    Claim(TABLE, "Online status with: instant", "signals", online_instant),
    Claim(TABLE, "Read receipts without: delayed", "signals", receipts_delayed),
    Claim(TABLE, "Read receipts with: instant", "signals", receipts_instant),
)
