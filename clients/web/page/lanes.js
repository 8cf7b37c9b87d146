// All lanes of this window: each action is done to every lane at the same moment.

import { $, oncePerFrame } from "../dom.js";
import { newClientId } from "../lane/client_ids.js";
import { command } from "./demo.js";
import { listed, numeral } from "../format.js";
import { absentCard, Lane } from "./lane.js";
import { announce, attempt, clearError, showError } from "./notices.js";

const ROOM = "demo";
const READY_MS = 15_000;
const UNSTORED_MAX = 3; // automatic writing pauses while a lane has so many messages that its server has not stored
const MISSING_MAX = 200; // a lane whose server cannot be reached gets no more messages
const SETTLE_MS = 300; // connections are lost and restored together

export class Lanes {
  all = [];
  #settling;
  #wasDown = false;
  #isAdding = false; // one lane after the other: the next state asks again
  #draw = oncePerFrame(() => {
    for (const lane of this.all) lane.show();
  });
  pollMs = 2000;

  /** requestBytes: link -> how many bytes a poll's request sent over it, in a measurement of the repository. */
  constructor(window, name, requestBytes) {
    Object.assign(this, { window, name, requestBytes });
  }

  find(slug) {
    return this.all.find((lane) => lane.slug === slug);
  }

  /** Show further lanes, and that others are absent; resolves when all have joined, or one once others are late. */
  async show(reached, absent = []) {
    const joined = reached.filter(({ slug }) => !this.find(slug)).map((one) => this.#open(one));
    $("lanes").append(...absent.map(absentCard));
    this.#showCount();
    for (const joining of joined) joining.catch(({ message }) => showError(message));
    await Promise.race([Promise.allSettled(joined), new Promise((resolve) => setTimeout(resolve, READY_MS))]);
    if (!this.all.some(({ hasJoined }) => hasJoined)) await Promise.any(joined).catch(() => {}); // shown above
  }

  /** Write one message to every lane whose client has joined; resolves with each lane's latency, if it saw it. */
  send(text) {
    const id = newClientId();
    const joined = this.all.filter((lane) => lane.hasJoined && lane.missing < MISSING_MAX);
    const arrivals = joined.map(async (lane) => ({ label: lane.label, latencyMs: await lane.send(text, id) }));
    this.#draw();
    return Promise.all(arrivals);
  }

  /** Whether all servers that can be reached store messages as fast as they are written. */
  get areKeepingUp() {
    return this.all.every((lane) => !lane.connected || lane.unstored < UNSTORED_MAX);
  }

  /** Send a message to every client. */
  post(message) {
    for (const lane of this.all) lane.post(message);
  }

  setPoll(ms) {
    this.pollMs = ms;
    this.post({ kind: "poll", ms });
  }

  /** Show the servers' counters, and the lanes that are on: any window may switch one. */
  update({ lanes, is_cut: isCut, limit_s: limitS }) {
    for (const lane of this.all) lane.update(lanes[lane.slug], limitS);
    for (const [slug, { is_on: isOn }] of Object.entries(lanes)) {
      const lane = this.find(slug);
      if (!isOn && lane) this.#remove(lane);
      if (isOn && !lane && !isCut) this.#add(slug); // no client can join through a network that is cut
    }
    this.#draw();
  }

  /** Start this window's counters at zero. */
  async resetCounts() {
    await command("reset_counts", { window: this.window });
    for (const lane of this.all) lane.resetCounts();
    this.#draw();
  }

  /** Emphasise one lane; all of them if there is no lane of this slug. */
  emphasise(slug) {
    for (const lane of this.all) lane.card.classList.toggle("is-aside", !!this.find(slug) && lane.slug !== slug);
  }

  async #add(slug) {
    if (this.#isAdding) return;
    this.#isAdding = true;
    await attempt(async () => {
      await this.show([await command("connect_lane", { window: this.window, lane: slug })]);
      await this.resetCounts();
    });
    this.#isAdding = false;
  }

  #open(reached) {
    return new Promise((resolve, reject) => {
      const handlers = {
        loaded: () => this.#start(lane),
        joined: ({ account }) => {
          lane.hasJoined = true;
          sessionStorage.setItem(lane.address, account.token);
          clearError(late);
          resolve();
        },
        failed: ({ detail }) => reject(new Error(`${lane.label}: ${detail}`)),
        refused: ({ detail }) => showError(`${lane.label}: ${detail}`),
        connection: () => this.#announceConnections(),
        seen: () => this.#draw(),
      };
      const lane = new Lane(reached, (message) => handlers[message.kind]?.(message));
      this.all.push(lane);
      $("lanes").append(lane.card);
      $("medians").append(lane.shortcut);
      const late = `${lane.label}: its client did not join within ${READY_MS / 1000} s`;
      setTimeout(() => lane.hasJoined || !this.all.includes(lane) || showError(late), READY_MS);
    });
  }

  #remove(lane) {
    lane.close();
    this.all = this.all.filter((one) => one !== lane);
    this.#showCount();
  }

  #start(lane) {
    const [, host, port] = /^http:\/\/(.*):(\d+)$/.exec(lane.push_service) ?? [];
    const options = { pollMs: this.pollMs, pushService: host ? { host, port: Number(port) } : {} };
    const token = sessionStorage.getItem(lane.address) ?? "";
    lane.post({ kind: "start", name: this.name, token, room: ROOM, colour: lane.colour, options });
  }

  /** Announce which connections are lost, or that all are open, once for all changes of the same moment. */
  #announceConnections() {
    this.#draw();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      const down = this.all.filter((lane) => lane.hasJoined && !lane.connected).map(({ label }) => label);
      if (down.length) announce(`Connection down: ${listed(down)}`);
      else if (this.#wasDown) announce("All connections are open");
      this.#wasDown = down.length > 0;
    }, SETTLE_MS);
  }

  #showCount() {
    $("how-many").textContent = numeral(this.all.length);
    $("lanes").dataset.count = $("lanes").children.length;
  }
}
