// What crossed the wire, in the words of a sequence diagram: a request, a response, a frame, or the end.

const EVENTS = { message: "new message", typing: "typing notice", presence: "presence", receipt: "read receipt" };
const REQUESTS = {
  login: "log in",
  join: "join the room",
  events: "anything new?",
  send: "my message",
  typing: "I am typing",
  mark_read: "I have read it",
  heartbeat: "I am still here",
  leave: "leave",
  socket: "open a WebSocket",
  stream: "open a stream",
  service: "which push service?",
  auth: "may I subscribe?",
};
const FAILURES = { no_response: "no response", error: "refused" };
const RESPONSES = { open: { words: "connection open", waits: "connection" }, ack: { words: "ok" } };

/** Return the arrow of a request, a response or a frame; undefined for what needs none.
 * direction: "up" to the server, "down" from it; "connect" to a push service, "pushed" from it.
 * about: a request's path or a command's type; data: what came down. kind: plain, empty, events or ended.
 * waits: who waits from now on: "server", "browser", "connection" (an open one), "nobody"; undefined: as before. */
export function arrowOf(direction, about, data) {
  const request = direction === "connect" ? "socket" : about.split("?")[0].split("/").pop();
  const isPoll = request === "events";
  if (direction === "connect" || direction === "up")
    return { direction, words: REQUESTS[request] ?? request, kind: "plain", waits: isPoll ? "server" : undefined };
  if (FAILURES[data.type])
    return { direction, words: FAILURES[data.type], kind: "ended", waits: isPoll ? "nobody" : undefined };
  if (data.type === "closed")
    return { direction, words: "connection lost", kind: "ended", waits: "nobody", isEnd: true };
  if (data.type === "page") return { direction, ...pageArrow(data, isPoll), waits: isPoll ? "browser" : undefined };
  if (data.type === "ack" && request === "send") return { direction, words: "stored", kind: "plain" };
  return RESPONSES[data.type] && { direction, kind: "plain", ...RESPONSES[data.type] };
}

function pageArrow({ events }, isPoll) {
  const kinds = [...new Set(events.map((event) => event.kind))];
  const messages = events.filter((event) => event.kind === "message").length;
  const named = kinds.map((kind) => (kind === "message" && messages > 1 ? `${messages} new messages` : EVENTS[kind]));
  if (!named.length) return { words: isPoll ? "no" : "still here", kind: "empty" };
  return { words: named.length > 2 ? `${events.length} events` : named.join(", "), kind: "events" };
}
