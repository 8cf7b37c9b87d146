// All lanes of this window: what is done to one is done to each, at the same moment.

import { newClientId } from "../lane/client_ids.js";
import { command } from "./demo.js";
import { absentCard, Lane } from "./lane.js";
import { announce, attempt, trouble } from "./told.js";
import { listed, numeral } from "./wording.js";

const ROOM = "demo";
const READY_MS = 15_000;
const UNSTORED_MAX = 3; // what writes by itself waits while a lane has so many messages that no server has stored
const MISSING_MAX = 200; // a lane whose server cannot be reached is not told for ever
const SETTLE_MS = 300; // lines go down and come back together

export class Lanes {
  #all = [];
  #due = false;
  #settling;
  pollMs = 2000;

  constructor(window, name) {
    Object.assign(this, { window, name });
  }

  [Symbol.iterator]() {
    return this.#all[Symbol.iterator]();
  }

  find(slug) {
    return this.#all.find((lane) => lane.slug === slug);
  }

  /** Show lanes more; resolves when their clients have joined. */
  async show(reached) {
    await Promise.all(reached.filter(({ slug }) => !this.find(slug)).map((one) => this.#open(one)));
  }

  /** Show that lanes are absent. */
  showAbsent(absent) {
    document.getElementById("lanes").append(...absent.map(absentCard));
    this.#count();
  }

  /** Write one message to every lane whose client has joined; resolves with when each lane saw it, if it did. */
  send(text) {
    const id = newClientId();
    const joined = this.#all.filter((lane) => lane.hasJoined && lane.missing < MISSING_MAX);
    const arrivals = joined.map(async (lane) => ({ label: lane.label, tookMs: await lane.send(text, id) }));
    this.#draw();
    return Promise.all(arrivals);
  }

  /** Whether all servers that can be reached keep up with what is written. */
  get keepUp() {
    return this.#all.every((lane) => !lane.connected || lane.unstored < UNSTORED_MAX);
  }

  /** Tell every client something. */
  tell(what) {
    for (const lane of this.#all) lane.tell(what);
  }

  setPoll(ms) {
    this.pollMs = ms;
    this.tell({ kind: "poll", ms });
  }

  /** Show what the servers' counters say, and the lanes that are on: any window may switch one. */
  look({ lanes, is_cut: isCut, limit_s: limitS }) {
    for (const lane of this.#all) lane.look(lanes[lane.slug], limitS);
    for (const [slug, { is_on: isOn }] of Object.entries(lanes)) {
      if (!isOn && this.find(slug)) this.#remove(this.find(slug));
      if (isOn && !this.find(slug) && !isCut && this.#all.length) this.#follow(slug);
    }
    this.#draw();
  }

  /** Let this window's counters begin at nothing. */
  async countAnew() {
    await command("reset_counts", { window: this.window });
    for (const lane of this.#all) lane.countAnew();
    this.#draw();
  }

  /** Emphasise one lane; all of them if there is no such. */
  point(slug) {
    for (const lane of this.#all) lane.card.classList.toggle("is-aside", !!this.find(slug) && lane.slug !== slug);
  }

  async #follow(slug) {
    if (this.following) return;
    this.following = true;
    await attempt(async () => {
      await this.show([await command("connect_lane", { window: this.window, lane: slug })]);
      await this.countAnew();
    });
    this.following = false;
  }

  #open(reached) {
    return new Promise((resolve, reject) => {
      const told = {
        loaded: (lane) => this.#start(lane),
        joined: (lane, { account }) => {
          lane.hasJoined = true;
          sessionStorage.setItem(lane.address, account.token);
          resolve();
        },
        failed: (lane, { detail }) => reject(new Error(`${lane.label}: ${detail}`)),
        refused: (lane, { detail }) => trouble(`${lane.label}: ${detail}`),
        line: () => this.#settle(),
        seen: () => this.#draw(),
      };
      const lane = new Lane(reached, {
        restart: () => this.#restart(lane),
        heard: (what) => told[what.kind]?.(lane, what),
      });
      this.#all.push(lane);
      document.getElementById("lanes").append(lane.card);
      this.#count();
      setTimeout(
        () => reject(new Error(`${lane.label}: its client did not join within ${READY_MS / 1000} s`)),
        READY_MS,
      );
    });
  }

  #remove(lane) {
    lane.close();
    this.#all = this.#all.filter((one) => one !== lane);
    this.#count();
  }

  #start(lane) {
    const [, host, port] = /^http:\/\/(.*):(\d+)$/.exec(lane.push_service) ?? [];
    const options = { pollMs: this.pollMs, pushService: host ? { host, port: Number(port) } : {} };
    const token = sessionStorage.getItem(lane.address) ?? "";
    lane.tell({ kind: "start", name: this.name, token, room: ROOM, colour: lane.colour, options });
  }

  async #restart(lane) {
    const button = lane.card.querySelector(".restart");
    button.disabled = true;
    await attempt(() => command("restart", { lane: lane.slug }));
    button.disabled = false;
  }

  /** Announce which lines are down, or that none is any more, once for all that change together. */
  #settle() {
    this.#draw();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      const down = this.#all.filter((lane) => lane.hasJoined && !lane.connected).map(({ label }) => label);
      announce(down.length ? `Connection down: ${listed(down)}` : "All connections are open");
    }, SETTLE_MS);
  }

  #count() {
    document.getElementById("how-many").textContent = numeral(this.#all.length);
    const cards = document.getElementById("lanes");
    cards.dataset.count = cards.children.length;
  }

  /** Show all figures with the next frame, however many have changed. */
  #draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      for (const lane of this.#all) lane.show();
    });
  }
}
