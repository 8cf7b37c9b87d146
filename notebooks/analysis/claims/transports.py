"""How claims about polling and WebSockets are tested: each function turns a run into a figure and a verdict."""

from functools import partial

from notebooks.analysis import wording
from notebooks.analysis.claims.claim import INSTANT_MS, Evidence, Observed, format_percent, format_time
from notebooks.analysis.comparisons import cpu_ratio, latency_ms, paid, still_true
from notebooks.analysis.prices import CPU, EMPTY, by_repeat
from notebooks.analysis.quantiles import latency
from notebooks.analysis.wire.captures import captures, wire_messages
from results.schema import CAPTURES_FILE

POLLERS = {"short polling": "short_polling", "long polling": "long_polling"}
WEBSOCKET, SHORT, LONG, STREAM = "raw_websocket", "short_polling", "long_polling", "server_sent_events"
NEAR = "on one machine"


def connection_closes(evidence: Evidence) -> Observed:
    messages = wire_messages(captures(evidence.folder / CAPTURES_FILE)[SHORT])
    requests = [message for message in messages if message.kind == "request"]
    connections = {message.connection for message in messages}
    extra = "; ".join(f"{name} {_closing_percents(evidence, slug)}" for name, slug in POLLERS.items())
    counts = f"{len(requests)} requests on {len(connections)} connections"
    return Observed(len(requests) > 2 * len(connections), f"{counts}; server CPU if each is closed, by repeat: {extra}")


def _closing_percents(evidence: Evidence, slug: str) -> str:
    """Return how much more server CPU each delivery takes if every response closes its connection, by repeat."""
    runs = [evidence.run("keep_alive", point) for point in ("connections kept", "closed after each answer")]
    kept, closed = (by_repeat(run, slug, CPU) for run in runs)
    return ", ".join(f"{100 * (ratio - 1):+.0f} %" for ratio in (closed / kept).dropna())


def wastes_resources(evidence: Evidence) -> Observed:
    idle, busy = (paid(evidence.run(scenario), SHORT, EMPTY) for scenario in ("idle", "busy"))
    figure = f"empty answers: {format_percent(idle)} in an idle crowd, {format_percent(busy)} in a busy room"
    return Observed(idle.value > 50 > busy.value, figure)


def not_instant(evidence: Evidence) -> Observed:
    median, p95 = (latency_ms(evidence.run("conversation"), SHORT, percent) for percent in (50, 95))
    return Observed(median.value > INSTANT_MS, f"p50 {format_time(median)}, p95 {format_time(p95)}, {NEAR}")


def stays_open(evidence: Evidence) -> Observed:
    cells = evidence.run("conversation").cells_of(WEBSOCKET)
    users, reopened = int(cells["users"].sum()), int(cells["requests_upkeep"].sum())
    window_s = cells["measured_s"].median()
    figure = f"of {users} connections {reopened} had to be opened again, each watched for {window_s:.0f} s {NEAR}"
    return Observed(reopened == 0, figure)


def pushes_instantly(evidence: Evidence) -> Observed:
    has_p99 = 0.99 in latency(evidence.run("conversation"), WEBSOCKET).quantiles
    return _instant(evidence, "conversation", 99 if has_p99 else 95)


def _instant(evidence: Evidence, scenario: str, percent: int, kind: str = "message") -> Observed:
    """Return whether a pushed event is instant here, and a message that crosses a long network is not."""
    median, slow = (latency_ms(evidence.run(scenario), WEBSOCKET, share, kind) for share in (50, percent))
    far = latency_ms(evidence.run("distance", "100 ms away"), WEBSOCKET, 50)
    return Observed(
        None if slow.value >= INSTANT_MS else far.value >= INSTANT_MS,
        f"p50 {format_time(median)}, p{percent} {format_time(slow)} {NEAR}; a message takes {format_time(far)} if both "
        "ends are 100 ms away from the server",
    )


presence_pushed = partial(_instant, scenario="signals", percent=95, kind="presence")
typing_pushed = partial(_instant, scenario="signals", percent=95, kind="typing")
receipts_instant = partial(_instant, scenario="signals", percent=95, kind="receipt")


def mostly_empty(evidence: Evidence) -> Observed:
    idle, talk = (paid(evidence.run(scenario), SHORT, EMPTY) for scenario in ("idle", "conversation"))
    told = f"{format_percent(idle)} in an idle crowd, {format_percent(talk)} in a conversation of ten"
    return Observed(idle.value > 50 > talk.value, f"answers that say no: {told}")


def polling_is_outdated(evidence: Evidence) -> Observed:
    long, pushed = (cpu_ratio(evidence.run("busy"), slug, SHORT) for slug in (LONG, WEBSOCKET))
    times = [wording.with_limits(found, "{:.2f}".format) for found in (long, pushed)]
    ratios = f"long polling takes {times[0]} times as much as short polling, raw WebSocket {times[1]} times"
    return Observed(long.value > 1, f"server CPU per delivery in a busy room: {ratios}")


def polls_every_2_s(evidence: Evidence) -> Observed:
    polled, held, streamed = (latency_ms(evidence.run("conversation"), slug, 50) for slug in (SHORT, LONG, STREAM))
    return Observed(
        max(held.value, streamed.value) < INSTANT_MS < polled.value,
        f"{NEAR}: p50 {format_time(polled)} polling every 2 s; without any WebSocket also {format_time(held)} by long "
        f"polling, {format_time(streamed)} by Server-Sent Events",
    )


def typing_not_possible(evidence: Evidence) -> Observed:
    polled, held = (still_true(evidence.run("signals"), slug, "typing") for slug in (SHORT, LONG))
    late = format_time(latency_ms(evidence.run("signals"), SHORT, 50, "typing"))
    true = format_percent(polled)
    figure = f"polling every 2 s {NEAR}: p50 {late}, {true} still true when seen; held: {format_percent(held)}"
    return Observed(polled.value > 50 and held.value > 99, figure)


def typing_real_time(evidence: Evidence) -> Observed:
    true = still_true(evidence.run("signals"), WEBSOCKET, "typing")
    p95 = format_time(latency_ms(evidence.run("signals"), WEBSOCKET, 95, "typing"))
    return Observed(true.value > 99, f"p95 {p95} {NEAR}, {format_percent(true)} still true when seen")


def online_every_5_s(evidence: Evidence) -> Observed:
    interval_s = evidence.run("presence_poll").setting("poll_interval_s")
    late = latency_ms(evidence.run("presence_poll"), SHORT, 50, "presence")
    true = format_percent(still_true(evidence.run("presence_poll"), SHORT, "presence"))
    figure = f"p50 {format_time(late)} {NEAR}, {true} still true when seen, polling every {interval_s:g} s"
    return Observed(latency_ms(evidence.run("signals"), LONG, 50, "presence").value < INSTANT_MS < late.value, figure)


def receipts_delayed(evidence: Evidence) -> Observed:
    polled, held = (latency_ms(evidence.run("signals"), slug, 50, "receipt") for slug in (SHORT, LONG))
    figure = f"p50 {format_time(polled)} by short polling, {format_time(held)} by long polling, {NEAR}"
    return Observed(held.value < INSTANT_MS < polled.value, figure)
