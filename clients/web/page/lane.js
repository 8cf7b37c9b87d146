// One lane on the page: its card, and the frame in which its client talks to its own server.

import { writtenAtMs } from "../lane/written.js";
import { Latencies } from "./latencies.js";
import { Strip } from "./strip.js";
import { bytes, duration, whole } from "./wording.js";

const TOLD = {
  requests: ["requests", "HTTP requests made, upgrades included"],
  empty: ["empty", "answers that told nothing"],
  bytes: ["on the wire", "TCP payload both ways, by the server's own count"],
  median: ["median", "from written to seen, over the last 500 messages"],
  worst: ["worst", "from written to seen, over the last 500 messages"],
  connections: ["connections", "open now"],
};

export class Lane {
  #waiting = new Map(); // id -> done, for what was written here and is not seen yet
  #changed = false;
  #sinceMs = 0; // what was written before does not count

  /** reached: what the demo says of the lane. heard(lane, what): called for what the frame tells. */
  constructor(reached, { restart, heard }) {
    Object.assign(this, reached, { hasJoined: false, counts: undefined, seen: 0, latencies: new Latencies() });
    this.card = document.getElementById("lane").content.firstElementChild.cloneNode(true);
    this.card.id = this.slug;
    this.card.style.setProperty("--hue", this.colour);
    this.card.setAttribute("aria-label", this.label);
    this.#part("h2").append(...labelled(this.label));
    this.#part(".explanation").textContent = this.explanation;
    this.#part(".restart").onclick = () => restart(this);
    this.#part(".restart").setAttribute("aria-label", `Restart the server of ${this.label}`);
    this.figures = this.#lay(this.#part("dl"));
    this.strip = new Strip(this.#part(".strip"));
    this.frame = this.#part("iframe");
    this.frame.title = `${this.label}: what crosses the wire, and the chat`;
    this.frame.src = `${this.address}/web/chat.html?page=${location.origin}`;
    addEventListener("message", ({ origin, source, data }) => {
      if (origin === this.address && source === this.frame.contentWindow) this.#hear(data, heard);
    });
  }

  /** Tell the client in the frame what to do. */
  tell(what) {
    this.frame.contentWindow?.postMessage(what, this.address);
  }

  /** Send a message; resolves when this lane's own client has seen it. */
  send(text, id) {
    this.tell({ kind: "send", text, id });
    this.#changed = true;
    return new Promise((done) => this.#waiting.set(id, done));
  }

  /** How many messages that were written here, and count, have not been seen here. */
  get missing() {
    return [...this.#waiting.keys()].filter((id) => this.#counts(id)).length;
  }

  /** Take over what the demo says of the server. */
  look({ counts, is_up }) {
    this.counts = counts;
    this.#changed = true;
    this.card.classList.toggle("is-down", !is_up);
  }

  /** Begin to count at nothing. */
  countAnew() {
    this.#sinceMs = performance.timeOrigin + performance.now();
    this.seen = 0;
    this.latencies.clear();
    this.#changed = true;
  }

  /** Show all figures as they are now, if one has changed. */
  show() {
    const { counts, latencies } = this;
    if (!counts || !this.#changed) return;
    this.#changed = false;
    const shown = {
      requests: whole(counts.requests),
      empty: whole(counts.empty_answers),
      bytes: bytes(counts.up_bytes + counts.down_bytes),
      median: duration(latencies.median),
      worst: duration(latencies.worst),
      connections: whole(counts.connections),
    };
    for (const [name, text] of Object.entries(shown)) setText(this.figures[name], text);
    setText(this.#part(".latest b"), duration(latencies.last(1)[0]));
    setText(this.#part(".latest span"), this.#standing());
    this.card.classList.toggle("is-waiting", this.missing > 0);
    this.strip.show(latencies);
  }

  #standing() {
    const { seen, missing } = this;
    if (missing) return `${seen} of ${seen + missing} seen, ${missing} under way`;
    return seen ? `all ${seen} seen` : "nothing written yet";
  }

  #counts(id) {
    return writtenAtMs(id) >= this.#sinceMs;
  }

  #hear(what, heard) {
    if (what.kind === "seen") this.#see(what);
    if (what.kind === "line") this.card.classList.toggle("is-offline", !what.connected);
    heard(this, what);
  }

  #see({ id, tookMs }) {
    this.#changed = true;
    if (this.#counts(id)) this.latencies.add(tookMs);
    const done = this.#waiting.get(id);
    if (!done) return;
    this.#waiting.delete(id);
    if (this.#counts(id)) this.seen += 1;
    done(tookMs);
  }

  #lay(list) {
    return Object.fromEntries(
      Object.entries(TOLD).map(([name, [label, title]]) => {
        const [pair, term, value] = ["div", "dt", "dd"].map((kind) => document.createElement(kind));
        term.textContent = label;
        pair.title = title;
        value.textContent = "–";
        value.dataset.figure = name;
        pair.append(term, value);
        list.append(pair);
        return [name, value];
      }),
    );
  }

  #part(selector) {
    return this.card.querySelector(selector);
  }
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
