// What crossed the wire, in the words of a sequence diagram: a question, an answer that tells nothing, or news.

const NEWS = { message: "new message", typing: "somebody types", presence: "who is online", receipt: "read" };
const WISHES = {
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
export const LINE_ENDS = "line lost";

/** Return {way, words, kind, waits} for what was heard; undefined for what needs no arrow.
 *
 * way: "up" to the server, "down" from it, "pushed" from a push service. kind: question, nothing, news or ended.
 * waits: who waits from now on ("server", "browser", "line" while one is open, "nobody"); undefined if that stays.
 */
export function told(way, about, said) {
  const wish = about.split("?")[0].split("/").pop();
  if (way === "up")
    return { way, words: WISHES[wish] ?? wish, kind: "question", ...(wish === "events" && { waits: "server" }) };
  if (said.type === "unanswered")
    return { way, words: "no answer", kind: "ended", ...(wish === "events" && { waits: "nobody" }) };
  if (said.type === "closed") return { way, words: LINE_ENDS, kind: "ended", waits: "nobody" };
  if (said.type === "open") return { way, words: "line open", kind: "question", waits: "line" };
  if (said.type === "page") return page(way, said, wish === "events");
  if (said.type === "ack") return { way, words: "stored", kind: "question" };
  return undefined;
}

function page(way, { events }, wasAsked) {
  const kinds = [...new Set(events.map((event) => event.kind))];
  const messages = events.filter((event) => event.kind === "message").length;
  const named = kinds.map((kind) => (kind === "message" && messages > 1 ? `${messages} new messages` : NEWS[kind]));
  const words = named.length > 2 ? `${events.length} pieces of news` : named.join(", ");
  const news = words ? { words, kind: "news" } : { words: "no", kind: "nothing" };
  return { way, ...news, ...(wasAsked && { waits: "browser" }) };
}
