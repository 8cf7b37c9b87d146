// A room on the screen: who is online, the messages, who has read them, who types. Text from users is never markup.

import { TypingNotices } from "../chat/typing_notices.js";
import { $, element, oncePerFrame, setText } from "../dom.js";
import { duration } from "../format.js";
import { newClientId } from "./client_ids.js";
import { showNotice } from "./notice.js";

const SHOWN_MAX = 40;
const REDRAW_MS = 500;
const READ_MS = 500; // the shortest time between two receipts
const NEAR_PX = 40;
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });

export class RoomWindow {
  #notices = new TypingNotices();
  #lastRead; // the last message that was reported as read: a new log counts its messages from 1 again
  #follows = true; // the newest message is in sight, and the list scrolls to keep it there
  #isMoving = false; // the list is moved by new messages, not by the reader
  #events = new Map(); // list item -> its message
  #drawSoon = oncePerFrame(() => this.#draw());

  /** showsTimes: whether a message shows when it was written, instead of how long it took to arrive. */
  constructor(session, { showsTimes }) {
    Object.assign(this, { session, showsTimes });
    $("messages").onscroll = ({ target }) => {
      if (this.#isMoving) return;
      this.#follows = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX;
    };
    this.add(session.view.messages);
    setInterval(() => this.show(), REDRAW_MS);
    setInterval(() => this.#notifyRead(), READ_MS);
    $("text").oninput = () => this.notifyTyping($("text").value);
    $("say").onsubmit = (submitted) => {
      submitted.preventDefault();
      const text = $("text").value.trim();
      $("text").value = "";
      if (text) this.send(text, newClientId()).catch((error) => showNotice(error.message));
    };
  }

  /** Show new events. */
  add(events) {
    const list = $("messages");
    for (const event of events) if (event.kind === "message") list.append(this.#item(event));
    while (list.children.length > SHOWN_MAX) {
      this.#events.delete(list.firstChild);
      list.firstChild.remove();
    }
    this.show();
  }

  /** Show the present state of presence, typing and receipts with the next frame. */
  show() {
    this.#isMoving = true;
    this.#drawSoon();
  }

  /** Notify the others that the user types, or has stopped, if a notice is due. */
  notifyTyping(text) {
    const active = this.#notices.due(text, performance.now());
    if (active !== undefined && this.session.connected) this.session.typing(active).catch(() => {}); // soon outdated
  }

  send(text, id) {
    this.#notices.reset();
    return this.session.send(text, id);
  }

  #draw() {
    this.#isMoving = false;
    const { view, account, connected } = this.session;
    document.body.classList.toggle("is-offline", !connected);
    setText($("state"), connected ? "connected" : "connecting again…");
    const items = withoutGhosts(view.members).map(([user, { name, online }]) =>
      element("li", { className: online ? "online" : "offline" }, user === account.user ? `${name} (you)` : name),
    );
    const changed = element("ul", {}, ...items);
    if (changed.innerHTML !== $("members").innerHTML) $("members").replaceChildren(...items);
    const typers = view.typers(performance.now(), account.user);
    const verb = typers.length > 1 ? "are" : "is";
    $("typing").textContent = typers.length ? `${typers.join(", ")} ${verb} typing…` : "";
    for (const [item, event] of this.#events) {
      const readers = view.readers(event);
      setText(item.lastChild, readers ? `✓${readers}` : "");
      item.lastChild.ariaLabel = readers ? `read by ${readers}` : "not read yet";
    }
    if (this.#follows) $("messages").scrollTop = $("messages").scrollHeight;
  }

  #notifyRead() {
    const { view, account, connected } = this.session;
    const last = view.messages.findLast((event) => event.sender !== account.user);
    if (!last || last === this.#lastRead || document.visibilityState !== "visible" || !connected) return;
    this.#lastRead = last;
    this.session.markRead(last.seq).catch(() => (this.#lastRead = undefined));
  }

  #item(event) {
    const item = element(
      "li",
      { className: event.sender === this.session.account.user ? "own" : "" },
      element("b", {}, event.name),
      element("span", {}, event.body),
      element("time", {}, this.showsTimes ? CLOCK.format(event.at_ms) : delayOf(event)),
      element("small", { role: "img", ariaLabel: "not read yet" }),
    );
    this.#events.set(item, event);
    return item;
  }
}

/** Return how long after its writing a message arrived; an empty text for a message from before the page was opened. */
const delayOf = ({ latencyMs }) => (latencyMs === undefined ? "" : duration(latencyMs));

/** Return the members, online ones first. An offline member is left out if another of the same name stands before. */
function withoutGhosts(members) {
  const sorted = [...members].sort(([, a], [, b]) => b.online - a.online || a.name.localeCompare(b.name));
  const names = new Set();
  return sorted.filter(([, { name, online }]) => {
    const isFirst = !names.has(name);
    names.add(name);
    return online || isFirst;
  });
}
