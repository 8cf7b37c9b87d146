// A room on the screen: who is here, what was said, who has read it, who types. Text from users is never markup.

import { TypingNotices } from "../chat/typing_notices.js";
import { newClientId } from "./client_ids.js";

const SHOWN_MAX = 40;
const REDRAW_MS = 500;
const READ_MS = 500; // how far I have read is told at most so often
const NEAR_PX = 40;
const $ = (id) => document.getElementById(id);

const element = (name, className, text) => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
};

export class RoomWindow {
  #notices = new TypingNotices();
  #readSeq = 0;
  #follows = true; // the newest message is in sight, and shall stay so
  #due = false;
  #events = new Map(); // list item -> its message

  constructor(talk) {
    this.talk = talk;
    $("messages").onscroll = ({ target }) => {
      if (this.#due) return; // what came has moved the list, not the reader
      this.#follows = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX;
    };
    this.add(talk.view.messages);
    setInterval(() => this.show(), REDRAW_MS);
    setInterval(() => this.#tellReading(), READ_MS);
    $("text").oninput = () => this.tellTyping($("text").value);
    $("say").onsubmit = (submitted) => {
      submitted.preventDefault();
      this.#say($("text").value.trim());
      $("text").value = "";
    };
  }

  /** Show new events. */
  add(events) {
    const list = $("messages");
    for (const event of events) if (event.kind === "message") list.append(this.#item(event));
    while (list.children.length > SHOWN_MAX) this.#drop(list.firstChild);
    this.show();
  }

  /** Show what is true now, with the next frame: presence, typing and receipts. */
  show() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw() {
    const { view, account, connected } = this.talk;
    document.body.classList.toggle("is-offline", !connected);
    const members = [...view.members.entries()].sort(
      ([, a], [, b]) => b.online - a.online || a.name.localeCompare(b.name),
    );
    fill(
      $("members"),
      members.map(([user, { name, online }]) => [
        online ? "online" : "offline",
        user === account.user ? `${name} (you)` : name,
      ]),
    );
    const typers = view.typers(Date.now(), account.user);
    $("typing").textContent = typers.length ? `${typers.join(", ")} ${typers.length > 1 ? "are" : "is"} typing…` : "";
    for (const [item, event] of this.#events) {
      const readers = view.readers(event);
      setText(item.lastChild, readers ? `✓${readers}` : "");
      item.lastChild.ariaLabel = readers ? `read by ${readers}` : "not read yet";
    }
    if (this.#follows) $("messages").scrollTop = $("messages").scrollHeight;
  }

  /** Tell the others whether I type, if that is news to them. */
  tellTyping(text) {
    const active = this.#notices.due(text, performance.now());
    if (active !== undefined && this.talk.connected) this.talk.typing(active).catch(() => {}); // untrue by the next try
  }

  #say(text) {
    this.#notices.reset();
    if (text) this.talk.send(text, newClientId()).catch((error) => ($("typing").textContent = error.message));
  }

  #tellReading() {
    const last = this.talk.view.messages.findLast((event) => event.sender !== this.talk.account.user);
    if (!last || last.seq <= this.#readSeq || document.visibilityState !== "visible" || !this.talk.connected) return;
    this.#readSeq = last.seq;
    this.talk.markRead(last.seq).catch(() => (this.#readSeq = 0));
  }

  #item(event) {
    const item = element("li", event.sender === this.talk.account.user ? "own" : "", "");
    const readers = element("small", "", "");
    readers.role = "img";
    readers.ariaLabel = "not read yet";
    item.append(element("b", "", event.name), element("span", "", event.body), readers);
    this.#events.set(item, event);
    return item;
  }

  #drop(item) {
    this.#events.delete(item);
    item.remove();
  }
}

/** Make a list show these items, touching only what has changed. */
function fill(list, items) {
  while (list.children.length > items.length) list.lastChild.remove();
  items.forEach(([className, text], place) => {
    const item = list.children[place] ?? list.appendChild(document.createElement("li"));
    if (item.className !== className) item.className = className;
    setText(item, text);
  });
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
