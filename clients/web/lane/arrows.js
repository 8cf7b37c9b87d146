// What crossed the wire, in the words of a sequence diagram: a request, an empty response, or new events.

const EVENTS = { message: "new message", typing: "somebody types", presence: "who is online", receipt: "read" };
const REQUESTS = {
  login: "I am here",
  join: "let me in",
  events: "any news?",
  send: "my message",
  typing: "I am typing",
  mark_read: "I have read it",
  heartbeat: "still here",
  leave: "goodbye",
  socket: "keep this line open",
  stream: "tell me, and go on",
  service: "where do I listen?",
  auth: "may I listen?",
};
const RESPONSES = { open: { words: "line open", waits: "connection" }, ack: { words: "stored" } };

/** Return the arrow of a request, a response or a frame; undefined for what needs none.
 *
 * direction: "up" to the server, "down" from it, "pushed" from a push service. kind: request, empty, events or ended.
 * waits: who waits from now on ("server", "browser", "connection" while one is open, "nobody"); undefined: as before.
 */
export function arrowOf(direction, about, data) {
  const request = about.split("?")[0].split("/").pop();
  const isPoll = request === "events";
  if (direction === "up")
    return { direction, words: REQUESTS[request] ?? request, kind: "request", waits: isPoll ? "server" : undefined };
  if (data.type === "unanswered")
    return { direction, words: "no answer", kind: "ended", waits: isPoll ? "nobody" : undefined };
  if (data.type === "closed") return { direction, words: "line lost", kind: "ended", waits: "nobody", isEnd: true };
  if (data.type === "page") return { direction, ...pageArrow(data, isPoll), waits: isPoll ? "browser" : undefined };
  return RESPONSES[data.type] && { direction, kind: "request", ...RESPONSES[data.type] };
}

function pageArrow({ events }, isPoll) {
  const kinds = [...new Set(events.map((event) => event.kind))];
  const messages = events.filter((event) => event.kind === "message").length;
  const named = kinds.map((kind) => (kind === "message" && messages > 1 ? `${messages} new messages` : EVENTS[kind]));
  if (!named.length) return { words: isPoll ? "no" : "still here", kind: "empty" };
  return { words: named.length > 2 ? `${events.length} pieces of news` : named.join(", "), kind: "events" };
}
