"""How claims about a managed push service are tested: on what the wire carried, and on loads beside raw WebSockets."""

from notebooks.analysis.claims.claim import INSTANT_MS, Evidence, Finding, format_time, holds_if, holds_when
from notebooks.analysis.wire.exchanges import MESSAGE, PUBLISHING, one_message
from notebooks.analysis.wire.labels import label

ADAPTER, WEBSOCKET = "pusher_adapter", "raw_websocket"
API, SERVICE = "clients to API", "clients to push service"


def needs_persistence(evidence: Evidence) -> Finding:
    cells = evidence.run("churn", "server restart").cells_of(WEBSOCKET)
    returns, users, lost = (int(cells[name].sum()) for name in ("storm_returns", "users", "lost"))
    return holds_if(
        returns == users and lost == 0,
        f"a restart broke {returns} of {users} lines, lost {lost}; all back in {cells['storm_max_s'].median():.2f} s",
        "Whatever ends the process ends every line it held; cursors made the break cost time, and no message.",
    )


def is_websockets(evidence: Evidence) -> Finding:
    messages = evidence.messages_of_pusher_js
    upgrades = sum(each.kind == "handshake" and not each.up for each in messages)
    frames, requests = (sum(each.kind == kind for each in messages) for kind in ("frame", "request"))
    return holds_if(
        upgrades > 0 and frames > 0 and requests == 0,
        f"pusher-js: {upgrades} answer of 101, then {frames} frames and {requests} requests",
        "The vendor's own client opens a WebSocket to the service, ours here, and all it hears comes in frames.",
    )


def _count(evidence: Evidence, kind: str, link: str) -> int:
    return sum(each.kind == kind and each.connection.link == link for each in evidence.messages(ADAPTER))


def message_path(evidence: Evidence) -> Finding:
    pushed, posted = _count(evidence, "frame", SERVICE), _count(evidence, "request", PUBLISHING)
    direct = _count(evidence, "request", API)
    return holds_when(
        direct > 0,
        f"{pushed} frames with the service, {posted} requests from API to service, {direct} from browsers to the API",
        "It holds when a line is added to the drawing: browsers speak HTTP to the API too, to send and be authorised.",
    )


def just_sends_requests(evidence: Evidence) -> Finding:
    requests = [each for each in evidence.messages(ADAPTER) if each.kind == "request"]
    authorised = sum(label(each) == "may I listen?" for each in requests)
    posted = _count(evidence, "request", PUBLISHING)
    return holds_when(
        authorised > 0,
        f"{posted} requests to publish, and {authorised} to authorise {authorised} subscribers",
        "It holds when channels are public; for private ones the API must also sign every subscription.",
    )


def broadcasts(evidence: Evidence) -> Finding:
    links = [(each.connection.link, each.up) for each in evidence.messages(ADAPTER) if MESSAGE in label(each)]
    published, pushed = links.count((PUBLISHING, True)), links.count((SERVICE, False))
    return holds_if(
        pushed == 2 * published > 0,
        f"{published} published, {pushed} pushed to two browsers",
        "One request from the API became one frame for every subscriber.",
    )


def not_raw(evidence: Evidence) -> Finding:
    wrapped, raw = (one_message(evidence.captures[slug]).messages[-1].size for slug in (ADAPTER, WEBSOCKET))
    return holds_if(
        wrapped > raw,
        f"the same message is a frame of {wrapped} bytes, raw {raw}",
        "The service wraps every event in an envelope of its own, with the page as a string inside.",
    )


def same_result(evidence: Evidence) -> Finding:
    managed, raw = (evidence.latency_ms("conversation", slug) for slug in (ADAPTER, WEBSOCKET))
    points = (f"{ms} ms to the service" for ms in (0, 100))
    near, far = (evidence.latency_ms("third_transit", ADAPTER, point=point) for point in points)
    added_ms = far.value - near.value
    return holds_if(
        managed.value < INSTANT_MS,
        f"p50 {format_time(managed)} by the stand-in, {format_time(raw)} raw; "
        f"100 ms to the service add {added_ms:.0f} ms",
        "The same in kind; a rented line adds the way from the API to the service to every message.",
    )


def online_list(evidence: Evidence) -> Finding:
    slugs = evidence.run("signals").slugs
    latencies = {slug: evidence.latency_ms("signals", slug, 50, "presence") for slug in slugs}
    raw, instant = latencies[WEBSOCKET], sum(each.value < INSTANT_MS for each in latencies.values())
    return holds_if(
        raw.value < INSTANT_MS,
        f"presence within 100 ms on {instant} of {len(slugs)} transports; {format_time(raw)} by raw WebSocket",
        "It can, and on every other transport as well: one conformance suite proves the same list on each of them.",
    )
