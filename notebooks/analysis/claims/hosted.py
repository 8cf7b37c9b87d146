"""What the source document says of serverless hosts, of the three ways out, and what it recommends."""

from notebooks.analysis.claims import options, serverless
from notebooks.analysis.claims.claim import Claim, Evidence, Finding, beyond, holds_if, holds_when, time_told
from notebooks.analysis.wire.exchanges import PUBLISHING, one_message
from notebooks.analysis.wire.meaning import NEWS, meaning

VERCEL, PUSHER, OWN, OTHER = (
    "The Vercel Problem",
    "Option 1: Pusher",
    "Option 2: Separate WebSocket Server",
    "Option 3: Use a Different Host",
)
TASK, CODE, ADVICE = "What Does the Task Want?", "Code Comparison", "My Recommendation"
ADAPTER, WEBSOCKET, SERVICE = "pusher_adapter", "raw_websocket", "clients to push service"
TASK_ITSELF = "the task, as the source document quotes it"


def needs_persistence(evidence: Evidence) -> Finding:
    cells = evidence.run("churn", "server restart").cells_of(WEBSOCKET)
    returns, users, lost = (int(cells[name].sum()) for name in ("storm_returns", "users", "lost"))
    return holds_if(
        returns == users and lost == 0,
        f"a restart broke {returns} of {users} lines, lost {lost}; all back in {cells['storm_max_s'].median():.2f} s",
        "Whatever ends the process ends every line it held; cursors made the break cost time, and no message.",
    )


def is_websockets(evidence: Evidence) -> Finding:
    said = evidence.said_by_pusher_js
    switched = [each for each in said if each.kind == "handshake" and not each.up]
    frames = [each for each in said if each.kind == "frame"]
    asked = [each for each in said if each.kind == "request"]
    return holds_if(
        bool(switched) and bool(frames) and not asked,
        f"pusher-js: {len(switched)} answer of 101, then {len(frames)} frames and {len(asked)} requests",
        "The vendor's own client opens a WebSocket to the service, ours here, and all it hears comes in frames.",
    )


def topology(evidence: Evidence) -> Finding:
    said = evidence.said(ADAPTER)
    pushed = sum(each.kind == "frame" for each in said if each.line.link == SERVICE)
    posted = sum(each.kind == "request" for each in said if each.line.link == PUBLISHING)
    direct = sum(each.kind == "request" for each in said if each.line.link == "clients to API")
    return holds_when(
        direct > 0,
        f"{pushed} frames with the service, {posted} requests from API to service, {direct} from browsers to the API",
        "It holds when a line is added to the drawing: browsers speak HTTP to the API too, to send and be authorised.",
    )


def just_sends_requests(evidence: Evidence) -> Finding:
    said = evidence.said(ADAPTER)
    posted = [each for each in said if each.line.link == PUBLISHING and each.kind == "request"]
    authorised = sum(meaning(each) == "may I listen?" for each in said if each.kind == "request")
    return holds_when(
        authorised > 0,
        f"{len(posted)} requests to publish, and {authorised} to authorise {authorised} subscribers",
        "It holds when channels are public; for private ones the API must also sign every subscription.",
    )


def broadcasts(evidence: Evidence) -> Finding:
    message, said = NEWS["message", ""], evidence.said(ADAPTER)
    published = sum(message in meaning(each) for each in said if each.line.link == PUBLISHING and each.up)
    pushed = sum(message in meaning(each) for each in said if each.line.link == SERVICE and not each.up)
    return holds_if(
        pushed == 2 * published > 0,
        f"{published} published, {pushed} pushed to two browsers",
        "One request from the API became one frame for every subscriber.",
    )


def not_raw(evidence: Evidence) -> Finding:
    pushed, raw = (one_message(evidence.captures[slug]) for slug in (ADAPTER, WEBSOCKET))
    frames = [each.said[-1].size for each in (pushed, raw)]
    return holds_if(
        frames[0] > frames[1],
        f"the same message is a frame of {frames[0]} bytes, raw {frames[1]}",
        "The service wraps every event in an envelope of its own, with the page as a string inside.",
    )


def same_result(evidence: Evidence) -> Finding:
    rented, raw = (evidence.late_ms("conversation", slug) for slug in (ADAPTER, WEBSOCKET))
    near, far = (evidence.late_ms("third_transit", ADAPTER, point=f"{ms} ms to the service") for ms in (0, 100))
    added_ms = far.value - near.value
    return holds_if(
        rented.value < 100,
        f"p50 {time_told(rented)} by the stand-in, {time_told(raw)} raw; 100 ms to the service add {added_ms:.0f} ms",
        "The same in kind; a rented line adds the way from the API to the service to every message.",
    )


def online_list(evidence: Evidence) -> Finding:
    run = evidence.run("signals")
    late = {slug: evidence.late_ms("signals", slug, 50, "presence") for slug in run.slugs}
    fast = sum(each.value < 100 for each in late.values())
    return holds_if(
        late[WEBSOCKET].value < 100,
        f"presence within 100 ms on {fast} of {len(late)} transports; {time_told(late[WEBSOCKET])} by raw WebSocket",
        "It can, and on every other transport as well: one conformance suite proves the same list on each of them.",
    )


CLAIMS = (
    Claim(VERCEL, "WebSocket needs a persistent connection", "churn: server restart", needs_persistence),
    Claim(VERCEL, "Start when request comes in", "cold starts", serverless.starts_for_a_request),
    Claim(VERCEL, "Run for max 10-60 seconds", "profiles of the host", serverless.short_lived, matters=True),
    Claim(VERCEL, "Shut down after response", "reaping and freezing", serverless.shut_down),
    Claim(VERCEL, "Can't keep connection open", "a WebSocket on each profile", serverless.no_connection, matters=True),
    Claim(
        VERCEL,
        "shutting down in 10 seconds [Connection dies]",
        "the life of one connection",
        serverless.dies_in_ten_seconds,
    ),
    Claim(PUSHER, "Browser - WebSocket - Pusher - HTTP - API", "capture of two people talking", topology),
    Claim(PUSHER, "Your API just sends HTTP requests to Pusher", "capture of two people talking", just_sends_requests),
    Claim(PUSHER, "Pusher broadcasts to connected browsers", "capture of two people talking", broadcasts),
    Claim(PUSHER, "Works perfectly with Vercel", "the adapter on the host", serverless.adapter_works),
    Claim(PUSHER, "Easy setup", "the shortest chats counted", options.easy_setup),
    Claim(PUSHER, "Free tier (200k messages/day)", "message count against plans", options.free_tier),
    Claim(
        PUSHER,
        "Handles scaling",
        "none",
        beyond("A stand-in proves nothing about the vendor.", "pusher.com/channels"),
        matters=True,
    ),
    Claim(PUSHER, "Works with serverless", "the adapter on the host", serverless.adapter_is_cheap),
    Claim(PUSHER, "External service dependency", "the vendor made unreachable", options.external_dependency),
    Claim(PUSHER, 'Not "raw" WebSockets', "capture of two people talking", not_raw),
    Claim(
        OWN,
        '"Real" WebSockets, full control',
        "none",
        beyond("Control is not a quantity; what it costs is.", "RFC 6455 for what real means"),
    ),
    Claim(OWN, "No external service", "moving parts counted, and the bill", options.no_external_service),
    Claim(OWN, "Two servers to maintain", "moving parts counted, and failure drills", options.two_servers),
    Claim(OWN, "More complex deployment", "moving parts counted", options.more_complex),
    Claim(
        OWN,
        "Need to handle scaling yourself",
        "several workers over a shared store",
        options.scale_yourself,
    ),
    Claim(OTHER, "Single server", "moving parts counted, and failure drills", options.single_server),
    Claim(
        OTHER,
        "Can't use Vercel's nice features",
        "none",
        beyond("Which of them one would miss is a matter of taste.", "vercel.com/docs"),
    ),
    Claim(OTHER, "More expensive potentially", "the bill", options.more_expensive),
    Claim(TASK, "a list of users (online and offline) can be done with WebSockets", "signals", online_list),
    Claim(TASK, "Pusher IS WebSockets", "capture of pusher-js", is_websockets, matters=True),
    Claim(TASK, "The end result is the same: real-time updates", "conversation and third_transit", same_result),
    Claim(
        CODE,
        "ws.send('Hello!') right after the constructor",
        "the document's code, run",
        options.speaks_at_once,
    ),
    Claim(
        CODE,
        "Broadcast to all: client.send(data)",
        "the document's code, run",
        options.relays_as_it_came,
    ),
    Claim(CODE, "Both use WebSocket protocol", "capture of pusher-js", is_websockets),
    Claim(
        ADVICE,
        "Task wants a working app quickly",
        "none",
        beyond("It speaks of one task, not of transports.", TASK_ITSELF),
    ),
    Claim(
        ADVICE,
        "Vercel deployment is expected",
        "none",
        beyond("It speaks of one task, not of transports.", TASK_ITSELF),
    ),
    Claim(ADVICE, "Pusher IS WebSockets (just managed)", "capture of pusher-js", is_websockets),
    Claim(
        ADVICE,
        "You can explain this decision in the interview",
        "none",
        beyond("No experiment can.", "notebook 08, which is our attempt"),
    ),
    Claim(
        ADVICE,
        "Production apps often use managed services",
        "none",
        beyond("A survey would tell; we know of none.", "the source document alone"),
    ),
)
