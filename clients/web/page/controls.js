// The controls: each changes one thing, for all lanes at once.

import { command } from "./demo.js";
import { attempt } from "./told.js";

const PEOPLE = 5;
const WORDS = [
  "Shall we meet at noon?",
  "The build is green.",
  "Who has the keys?",
  "I am on my way.",
  "Lunch is here.",
  "Have you seen this?",
];
const $ = (id) => document.getElementById(id);

export class Controls {
  #timer;
  #written = 0;
  #rate = 0;
  #moments = []; // when the last messages were written by themselves
  #look = { people: 0, profile: "" };

  /** additions: slug -> label of each lane that can be switched on and off. */
  constructor(window, lanes, additions) {
    Object.assign(this, { window, lanes, additions });
    for (const [slug, label] of Object.entries(additions)) this.#addSwitch(slug, label);
    $("poll").oninput = () => this.poll(Number($("poll").value));
    $("rate").oninput = () => this.rate(Number($("rate").value));
    $("delay").oninput = () => this.distance(Number($("delay").value));
    $("host").onchange = () => this.host($("host").value);
    $("cut").onclick = () => this.cut($("cut").ariaPressed !== "true");
    $("crowd").onclick = () => this.crowd($("crowd").ariaPressed !== "true");
    $("window").onclick = () => open(location.pathname, "_blank", "noopener");
    $("anew").onclick = () => attempt(() => lanes.countAnew());
  }

  /** Have pollers wait so many seconds between questions. */
  poll(everyS) {
    $("poll").value = everyS;
    $("poll-shown").textContent = `${everyS} s`;
    this.lanes.setPoll(1000 * everyS);
  }

  /** Write so many messages a second by itself, as long as every server stores them as fast. */
  rate(aSecond) {
    this.#rate = aSecond;
    this.#moments = [];
    $("rate").value = aSecond;
    this.#showRate();
    clearInterval(this.#timer);
    if (aSecond) this.#timer = setInterval(() => this.lanes.keepUp && this.#write(), 1000 / aSecond);
  }

  /** Put the servers so many ms away, each way. */
  distance(delayMs) {
    $("delay").value = delayMs;
    $("delay-shown").textContent = delayMs ? `${delayMs} ms` : "none";
    return this.#shape(delayMs, $("cut").ariaPressed === "true");
  }

  /** Run every lane on a serverless host of that profile; with "" on servers of their own. */
  async host(profile) {
    $("host").value = profile;
    if (profile === this.#look.profile) return;
    $("host").disabled = true;
    await attempt(() => command("set_host", { profile }));
    await this.lanes.countAnew();
    $("host").disabled = false;
  }

  /** Cut this window off from every server, or mend its lines. */
  cut(isCut) {
    this.#press("cut", isCut, isCut ? "Mend my network" : "Cut my network");
    return this.#shape(Number($("delay").value), isCut);
  }

  /** Have scripted people join every lane, or send them home. */
  async crowd(here) {
    this.#press("crowd", here, here ? "Send them home" : "Add five people");
    if (here !== !!this.#look.people) await attempt(() => command("gather", { people: here ? PEOPLE : 0 }));
  }

  /** Add the button that switches a lane on or off; the lane appears with the next look, in every window. */
  #addSwitch(slug, label) {
    const button = document.createElement("button");
    Object.assign(button, { id: `enable-${slug}`, ariaPressed: "false", textContent: `Lane: ${label}` });
    button.onclick = async () => {
      button.disabled = true;
      await attempt(() => command("enable_lane", { lane: slug, on: button.ariaPressed !== "true" }));
      button.disabled = false;
    };
    $("window").before(button);
  }

  /** Show what is so, whoever made it so: all windows share the crowd and the lanes that are on. */
  look(look) {
    if (!!look.people !== !!this.#look.people)
      this.#press("crowd", !!look.people, look.people ? "Send them home" : "Add five people");
    this.#look = look;
    if (!$("host").disabled && document.activeElement !== $("host")) $("host").value = look.profile;
    for (const slug of Object.keys(this.additions)) this.#press(`enable-${slug}`, look.lanes[slug].is_on);
    this.#showRate();
  }

  #shape(delayMs, isCut) {
    return attempt(() => command("set_network", { window: this.window, delay_ms: delayMs, is_cut: isCut }));
  }

  #write() {
    this.#written += 1;
    this.#moments = [...this.#moments.slice(-2 * this.#rate), performance.now()];
    this.lanes.send(`${WORDS[this.#written % WORDS.length]} (${this.#written})`);
  }

  /** Say how many messages a second were asked for, and how many it really is if a lane does not keep up. */
  #showRate() {
    const [first] = this.#moments;
    const reached = (1000 * this.#moments.length) / (performance.now() - first);
    const slower = this.#moments.length > this.#rate && reached < 0.8 * this.#rate;
    const asked = this.#rate ? `${this.#rate} a second` : "nothing by itself";
    $("rate-shown").textContent = slower ? `${asked} → ${reached.toFixed(1)}` : asked;
  }

  #press(id, pressed, text = $(id).textContent) {
    if ($(id).ariaPressed !== String(pressed)) $(id).ariaPressed = String(pressed);
    if ($(id).textContent !== text) $(id).textContent = text;
  }
}
