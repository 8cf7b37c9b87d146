// All lanes of this window: what is done to one is done to each, at the same moment.

import { newId } from "../lane/written.js";
import { wish } from "./demo.js";
import { Lane } from "./lane.js";
import { numeral } from "./wording.js";

const ROOM = "demo";
const READY_MS = 15_000;
const UNDER_WAY_MAX = 40; // what writes by itself waits while a lane has so many messages to show

export class Lanes {
  #all = [];
  #due = false;
  pollMs = 2000;

  constructor(window, name, attempt) {
    Object.assign(this, { window, name, attempt });
  }

  [Symbol.iterator]() {
    return this.#all[Symbol.iterator]();
  }

  find(slug) {
    return this.#all.find((lane) => lane.slug === slug);
  }

  /** Show lanes more; resolves when their clients have joined. */
  async show(reached) {
    await Promise.all(reached.map((one) => this.#open(one)));
  }

  /** Take a lane away. */
  remove(slug) {
    this.find(slug)?.card.remove();
    this.#all = this.#all.filter((lane) => lane.slug !== slug);
    this.#count();
  }

  /** Write one message to every lane whose client has joined; resolves with when each lane saw it. */
  send(text) {
    const id = newId();
    const joined = this.#all.filter((lane) => lane.hasJoined);
    const arrivals = joined.map(async (lane) => ({ label: lane.label, tookMs: await lane.send(text, id) }));
    this.#draw();
    return Promise.all(arrivals);
  }

  /** Whether all lanes keep up with what is written. */
  get keepUp() {
    return this.#all.every((lane) => lane.missing < UNDER_WAY_MAX);
  }

  /** Tell every client something. */
  tell(what) {
    for (const lane of this.#all) lane.tell(what);
  }

  setPoll(ms) {
    this.pollMs = ms;
    this.tell({ kind: "poll", ms });
  }

  /** Show what the servers' counters say. */
  look({ lanes }) {
    for (const lane of this.#all) lane.look(lanes[lane.slug]);
    this.#draw();
  }

  async countAnew() {
    await wish("count_anew");
    for (const lane of this.#all) lane.countAnew();
    this.#draw();
  }

  /** Emphasise one lane; all of them if there is no such. */
  point(slug) {
    for (const lane of this.#all) lane.card.classList.toggle("is-aside", !!this.find(slug) && lane.slug !== slug);
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
        refused: (lane, { detail }) => this.attempt(() => Promise.reject(new Error(`${lane.label}: ${detail}`))),
        seen: () => this.#draw(),
      };
      const heard = (lane, what) => told[what.kind]?.(lane, what);
      const restart = (lane) => this.#restart(lane);
      const lane = new Lane(reached, { restart, heard });
      this.#all.push(lane);
      document.getElementById("lanes").append(lane.card);
      this.#count();
      setTimeout(() => reject(new Error(`${lane.label}: its client did not join within ${READY_MS / 1000} s`)), READY_MS);
    });
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
    await this.attempt(() => wish("restart", { lane: lane.slug }));
    button.disabled = false;
  }

  #count() {
    document.getElementById("how-many").textContent = numeral(this.#all.length);
    document.getElementById("lanes").dataset.count = this.#all.length;
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
