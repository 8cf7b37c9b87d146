// One lane on the page: its card, and the frame in which its client connects to its own server.

import { $, element, setText } from "../dom.js";
import { nowMs, writtenAtMs } from "../lane/client_ids.js";
import { command } from "./demo.js";
import { figuresOf } from "./figures.js";
import { whole } from "../format.js";
import { attempt } from "./notices.js";
import { Strip } from "./strip.js";

const LATENCIES_MAX = 500;

export class Lane {
  #waiting = new Map(); // id -> resolve, for each message that was written here and is not seen yet
  #sinceMs = 0; // messages that were written before this do not count
  #closed = new AbortController();

  /** reached: the fields of `LaneAddresses`, which become this lane's. onMessage(message): called for its reports. */
  constructor(reached, onMessage) {
    Object.assign(this, reached, { hasJoined: false, connected: false, unstored: 0 });
    this.name = this.label.replace(/ \(.*/, "");
    const link = { className: "coloured", href: `#${this.slug}` };
    this.shortcut = element("a", link, element("span", {}, this.name), element("b"));
    this.shortcut.style.setProperty("--hue", this.colour);
    this.resetCounts();
    this.card = newCard("lane", reached, this.label);
    const restart = this.#part(".restart");
    restart.title = `Ends the server of ${this.name} without warning, and starts it again on the same log`;
    restart.onclick = () => attempt(() => command("restart", { lane: this.slug }), restart);
    this.strip = new Strip(this.#part(".strip"));
    this.frame = this.#part("iframe");
    this.frame.title = `${this.label}: what crosses the wire, and the chat`;
    this.frame.src = `${this.address}/web/chat.html`;
    const listen = ({ origin, source, data }) => {
      if (origin !== this.address || source !== this.frame.contentWindow) return;
      this.#receive(data);
      onMessage(data);
    };
    addEventListener("message", listen, { signal: this.#closed.signal });
  }

  /** Send a message to the client in the frame. */
  post(message) {
    this.frame.contentWindow?.postMessage(message, this.address);
  }

  /** Send a message; resolves with the latency once this lane's client has seen it, or with undefined if it cannot. */
  send(text, id) {
    this.post({ kind: "send", text, id });
    this.unstored += 1;
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** How many messages that were written here, and count, have not been seen here. */
  get missing() {
    return [...this.#waiting.keys()].filter((id) => this.#counts(id)).length;
  }

  /** Take over the server's state. limitS: after how many seconds its host ends every call; 0: never. */
  update({ counts, is_up: isUp, bill, plan }, limitS) {
    Object.assign(this, { counts, bill, plan });
    if (this.hasJoined) this.post({ kind: "limit", s: limitS });
    this.card.classList.toggle("is-down", !isUp);
  }

  /** Start all counts at zero. */
  resetCounts() {
    this.#sinceMs = nowMs();
    this.seen = 0; // messages of everybody
    this.latencies = []; // ms, of the last LATENCIES_MAX of them
    this.ownLatencies = [];
  }

  /** Show all figures as they are now. */
  show() {
    if (!this.counts) return;
    const figures = figuresOf(this);
    for (const value of this.card.querySelectorAll("[data-figure]")) {
      const text = figures[value.dataset.figure];
      value.closest("div, small")?.toggleAttribute("hidden", !text);
      if (text) setText(value, text);
    }
    setText(this.shortcut.lastChild, figures.median);
    setText(this.#part(".progress"), this.#progress());
    this.card.classList.toggle("is-waiting", this.missing > 0);
    this.strip.show(this.latencies);
  }

  /** Remove the lane. */
  close() {
    this.#closed.abort();
    this.card.remove();
    this.shortcut.remove();
    for (const resolve of this.#waiting.values()) resolve(undefined);
  }

  #progress() {
    const { seen, missing } = this;
    const connection = this.hasJoined && !this.connected ? "disconnected; " : "";
    if (missing) return `${connection}${whole(seen)} seen, ${missing} on the way`;
    return connection + (seen ? `${whole(seen)} ${seen === 1 ? "message" : "messages"} seen` : "no message yet");
  }

  #counts(id) {
    return writtenAtMs(id) >= this.#sinceMs;
  }

  #receive(message) {
    if (message.kind === "seen") this.#see(message);
    if (message.kind === "stored" || message.kind === "refused") this.unstored -= 1;
    if (message.kind === "refused") this.#settle(message.id);
    if (message.kind === "connection") {
      this.connected = message.connected;
      this.card.classList.toggle("is-offline", !message.connected);
    }
  }

  /** Record a message that was seen; one that was written on this page counts among our own, too. */
  #see({ id, latencyMs }) {
    const isOwn = this.#settle(id, latencyMs);
    if (!this.#counts(id)) return;
    this.seen += 1;
    this.latencies = [...this.latencies, latencyMs].slice(-LATENCIES_MAX);
    if (isOwn) this.ownLatencies = [...this.ownLatencies, latencyMs].slice(-LATENCIES_MAX);
  }

  /** Stop waiting for a message; return whether it was written here. */
  #settle(id, latencyMs) {
    this.#waiting.get(id)?.(latencyMs);
    return this.#waiting.delete(id);
  }

  #part(selector) {
    return this.card.querySelector(selector);
  }
}

/** Return the card of a lane that cannot be shown: its name, that it is absent, and how to get it. */
export function absentCard(absent) {
  const card = newCard("absent", absent, `${absent.label} (absent)`);
  card.querySelector(".remedy").textContent = absent.remedy;
  return card;
}

/** Return a new card; the part of its title in brackets becomes a badge. */
function newCard(template, { slug, colour, explanation }, title) {
  const card = $(template).content.firstElementChild.cloneNode(true);
  const [, name, badge] = /^([^(]*)(?:\((.*)\))?$/.exec(title);
  Object.assign(card, { id: slug, ariaLabel: title });
  card.style.setProperty("--hue", colour);
  card.querySelector("h2").append(name, ...(badge ? [element("small", {}, badge)] : []));
  card.querySelector(".explanation").textContent = explanation;
  return card;
}
