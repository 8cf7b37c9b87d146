"""How claims about a managed push service are tested: on what the wire carried, and on loads beside raw WebSockets."""

from notebooks.analysis.claims.claim import INSTANT_MS, Evidence, Observed, format_time
from notebooks.analysis.wire.captures import pusher_js
from notebooks.analysis.wire.labels import MESSAGE, PUBLISHING, label, one_message
from notebooks.analysis.wire.parser import wire_messages
from results.schema import CAPTURES_FILE

ADAPTER, WEBSOCKET = "pusher_adapter", "raw_websocket"
API, SERVICE = "clients to API", "clients to push service"


def needs_persistence(evidence: Evidence) -> Observed:
    cells = evidence.run("churn", "server restart").cells_of(WEBSOCKET)
    returns, users, lost = (int(cells[name].sum()) for name in ("storm_returns", "users", "lost"))
    return Observed(
        returns == users and lost == 0,
        f"a restart broke {returns} of {users} lines, lost {lost}; all back in {cells['storm_max_s'].median():.2f} s",
    )


def is_websockets(evidence: Evidence) -> Observed:
    messages = wire_messages(pusher_js(evidence.folder / CAPTURES_FILE))
    upgrades = sum(each.kind == "handshake" and not each.up for each in messages)
    frames, requests = (sum(each.kind == kind for each in messages) for kind in ("frame", "request"))
    return Observed(
        upgrades > 0 and frames > 0 and requests == 0,
        f"pusher-js: {upgrades} answer of 101, then {frames} frames and {requests} requests",
    )


def _count(evidence: Evidence, kind: str, link: str) -> int:
    return sum(each.kind == kind and each.connection.link == link for each in evidence.messages(ADAPTER))


def message_path(evidence: Evidence) -> Observed:
    pushed, posted = _count(evidence, "frame", SERVICE), _count(evidence, "request", PUBLISHING)
    direct = _count(evidence, "request", API)
    return Observed(
        direct > 0,
        f"{pushed} frames with the service, {posted} requests from API to service, {direct} from browsers to the API",
    )


def just_sends_requests(evidence: Evidence) -> Observed:
    requests = [each for each in evidence.messages(ADAPTER) if each.kind == "request"]
    authorised = sum(label(each) == "may I listen?" for each in requests)
    posted = _count(evidence, "request", PUBLISHING)
    return Observed(
        authorised > 0, f"{posted} requests to publish, and {authorised} to authorise {authorised} subscribers"
    )


def broadcasts(evidence: Evidence) -> Observed:
    links = [(each.connection.link, each.up) for each in evidence.messages(ADAPTER) if MESSAGE in label(each)]
    published, pushed = links.count((PUBLISHING, True)), links.count((SERVICE, False))
    return Observed(pushed == 2 * published > 0, f"{published} published, {pushed} pushed to two browsers")


def not_raw(evidence: Evidence) -> Observed:
    wrapped, raw = (one_message(evidence.captures[slug]).messages[-1].size for slug in (ADAPTER, WEBSOCKET))
    return Observed(wrapped > raw, f"the same message is a frame of {wrapped} bytes, raw {raw}")


def same_result(evidence: Evidence) -> Observed:
    managed, raw = (evidence.latency_ms("conversation", slug) for slug in (ADAPTER, WEBSOCKET))
    points = (f"{ms} ms to the service" for ms in (0, 100))
    near, far = (evidence.latency_ms("third_transit", ADAPTER, point=point) for point in points)
    added_ms = far.value - near.value
    return Observed(
        managed.value < INSTANT_MS,
        f"p50 {format_time(managed)} by the stand-in, {format_time(raw)} raw; "
        f"100 ms to the service add {added_ms:.0f} ms",
    )


def online_list(evidence: Evidence) -> Observed:
    slugs = evidence.run("signals").slugs
    latencies = {slug: evidence.latency_ms("signals", slug, 50, "presence") for slug in slugs}
    raw, instant = latencies[WEBSOCKET], sum(each.value < INSTANT_MS for each in latencies.values())
    return Observed(
        raw.value < INSTANT_MS,
        f"presence within 100 ms on {instant} of {len(slugs)} transports; {format_time(raw)} by raw WebSocket",
    )
