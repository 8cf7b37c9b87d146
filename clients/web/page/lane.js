// One lane on the page: its card, and the frame in which its client talks to its own server.

import { writtenAtMs } from "../lane/client_ids.js";
import { Figures } from "./figures.js";
import { Latencies } from "./latencies.js";
import { Strip } from "./strip.js";
import { duration } from "./wording.js";

export class Lane {
  #waiting = new Map(); // id -> done, for what was written here and is not seen yet
  #changed = false;
  #sinceMs = 0; // what was written before does not count
  #listening = new AbortController();

  /** reached: what the demo says of the lane. heard(what): called for what the frame tells. */
  constructor(reached, { restart, heard }) {
    Object.assign(this, reached, { hasJoined: false, connected: false, unstored: 0, seen: 0, heardOf: 0 });
    this.latencies = new Latencies();
    this.counts = undefined;
    this.card = document.getElementById("lane").content.firstElementChild.cloneNode(true);
    this.card.id = this.slug;
    this.card.style.setProperty("--hue", this.colour);
    this.card.setAttribute("aria-label", this.label);
    this.#part("h2").append(...labelled(this.label));
    this.#part(".explanation").textContent = this.explanation;
    this.#part(".restart").onclick = restart;
    this.#part(".restart").setAttribute("aria-label", `Restart the server of ${this.label}`);
    this.figures = new Figures(this.#part("dl"));
    this.strip = new Strip(this.#part(".strip"));
    this.frame = this.#part("iframe");
    this.frame.title = `${this.label}: what crosses the wire, and the chat`;
    this.frame.src = `${this.address}/web/chat.html?page=${location.origin}`;
    const listen = ({ origin, source, data }) =>
      origin === this.address && source === this.frame.contentWindow && this.#hear(data, heard);
    addEventListener("message", listen, { signal: this.#listening.signal });
  }

  /** Tell the client in the frame what to do. */
  tell(what) {
    this.frame.contentWindow?.postMessage(what, this.address);
  }

  /** Send a message; resolves with what it took until its own client saw it; with nothing if it is closed. */
  send(text, id) {
    this.tell({ kind: "send", text, id });
    this.unstored += 1;
    this.#changed = true;
    return new Promise((done) => this.#waiting.set(id, done));
  }

  /** How many messages that were written here, and count, have not been seen here. */
  get missing() {
    return [...this.#waiting.keys()].filter((id) => this.#counts(id)).length;
  }

  /** Take over what the demo says of the server, and after how many seconds its host ends every call, if it does. */
  look({ counts, is_up: isUp, bill }, limitS) {
    Object.assign(this, { counts, bill });
    if (this.hasJoined && limitS !== this.limitS) {
      this.limitS = limitS;
      this.tell({ kind: "limit", s: limitS });
    }
    this.#changed = true;
    this.card.classList.toggle("is-down", !isUp);
  }

  /** Begin to count at nothing. */
  countAnew() {
    this.#sinceMs = performance.timeOrigin + performance.now();
    this.seen = this.heardOf = 0;
    this.latencies.clear();
    this.#changed = true;
  }

  /** Show all figures as they are now, if one has changed. */
  show() {
    if (!this.counts || !this.#changed) return;
    this.#changed = false;
    this.figures.show(this);
    setText(this.#part(".latest b"), duration(this.latencies.last(1)[0]));
    setText(this.#part(".latest span"), this.#standing());
    this.card.classList.toggle("is-waiting", this.missing > 0);
    this.strip.show(this.latencies);
  }

  /** Take the lane away. */
  close() {
    this.#listening.abort();
    this.card.remove();
    for (const done of this.#waiting.values()) done(undefined);
  }

  #standing() {
    const { seen, missing } = this;
    const line = this.hasJoined && !this.connected ? "line down; " : "";
    if (missing) return `${line}${seen} of ${seen + missing} seen, ${missing} under way`;
    return line + (seen ? `all ${seen} seen` : "nothing written yet");
  }

  #counts(id) {
    return writtenAtMs(id) >= this.#sinceMs;
  }

  #hear(what, heard) {
    this.#changed = true;
    if (what.kind === "seen") this.#see(what);
    if (what.kind === "stored" || what.kind === "refused") this.unstored -= 1;
    if (what.kind === "line") {
      this.connected = what.connected;
      this.card.classList.toggle("is-offline", !what.connected);
    }
    heard(what);
  }

  /** Note what was seen; what it took is told of our own messages alone, since they crossed our own lines. */
  #see({ id, tookMs }) {
    if (this.#counts(id)) this.heardOf += 1;
    const done = this.#waiting.get(id);
    if (!done) return;
    this.#waiting.delete(id);
    done(tookMs);
    if (!this.#counts(id)) return;
    this.seen += 1;
    this.latencies.add(tookMs);
  }

  #part(selector) {
    return this.card.querySelector(selector);
  }
}

/** Return the card of a lane that cannot be shown: what it is, that it is absent, and what to do about it. */
export function absentCard({ slug, label, colour, explanation, remedy }) {
  const card = document.getElementById("absent").content.firstElementChild.cloneNode(true);
  card.id = slug;
  card.style.setProperty("--hue", colour);
  card.setAttribute("aria-label", `${label}, absent`);
  card.querySelector("h2").append(...labelled(`${label} (absent)`));
  card.querySelector(".explanation").textContent = explanation;
  card.querySelector(".remedy").textContent = remedy;
  return card;
}

/** Return a label's parts: what stands in brackets is a badge. */
function labelled(label) {
  const [, name, badge] = /^([^(]*)(?:\((.*)\))?$/.exec(label);
  if (!badge) return [label];
  const shown = document.createElement("small");
  shown.textContent = badge;
  return [name, shown];
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
