// The controls: each changes one thing, for all lanes at once.

import { wish } from "./demo.js";

const PEOPLE = 5;
const ADDED = "server_sent_events";
const WORDS = ["Shall we meet at noon?", "The build is green.", "Who has the keys?", "I am on my way.", "Lunch is here.", "Have you seen this?"];
const $ = (id) => document.getElementById(id);
const isPressed = (button) => button.ariaPressed === "true";

export class Controls {
  #timer;
  #written = 0;

  constructor(window, lanes, attempt) {
    Object.assign(this, { window, lanes, attempt });
    $("poll").oninput = () => this.poll(Number($("poll").value));
    $("rate").oninput = () => this.rate(Number($("rate").value));
    $("delay").oninput = () => this.distance(Number($("delay").value));
    $("cut").onclick = () => this.cut(!isPressed($("cut")));
    $("crowd").onclick = () => this.crowd(!isPressed($("crowd")));
    $("added").onclick = () => this.added(!isPressed($("added")));
    $("window").onclick = () => open(location.pathname, "_blank", "noopener");
    $("anew").onclick = () => this.attempt(() => lanes.countAnew());
  }

  /** Have pollers wait so many seconds between questions. */
  poll(everyS) {
    $("poll").value = everyS;
    $("poll-shown").textContent = `${everyS} s`;
    this.lanes.setPoll(1000 * everyS);
  }

  /** Write so many messages a second by itself. */
  rate(aSecond) {
    $("rate").value = aSecond;
    $("rate-shown").textContent = aSecond ? `${aSecond} a second` : "nothing by itself";
    clearInterval(this.#timer);
    if (aSecond) this.#timer = setInterval(() => this.lanes.keepUp && this.#write(), 1000 / aSecond);
  }

  /** Put the servers so many ms away, each way. */
  distance(delayMs) {
    $("delay").value = delayMs;
    $("delay-shown").textContent = delayMs ? `${delayMs} ms` : "none";
    return this.#shape(delayMs, isPressed($("cut")));
  }

  /** Cut this window off from every server, or mend its lines. */
  cut(isCut) {
    this.#press($("cut"), isCut, isCut ? "Mend my network" : "Cut my network");
    return this.#shape(Number($("delay").value), isCut);
  }

  /** Have scripted people join every lane, or send them home. */
  crowd(here) {
    this.#press($("crowd"), here, here ? "Send them home" : "Add five people");
    return this.attempt(() => wish("gather", { people: here ? PEOPLE : 0 }));
  }

  /** Switch the fifth lane on or off. */
  async added(on) {
    this.#press($("added"), on);
    $("added").disabled = true;
    await this.attempt(async () => {
      if (!on) this.lanes.remove(ADDED);
      const reached = await wish("light", { window: this.window, lane: ADDED, on });
      if (on) await this.lanes.show([reached]);
      await this.lanes.countAnew();
    });
    $("added").disabled = false;
  }

  /** Show what another window has changed: the crowd is everybody's. */
  look({ people }) {
    if (!!people !== isPressed($("crowd"))) this.#press($("crowd"), !!people, people ? "Send them home" : "Add five people");
  }

  #shape(delayMs, isCut) {
    return this.attempt(() => wish("shape", { window: this.window, delay_ms: delayMs, is_cut: isCut }));
  }

  #write() {
    this.#written += 1;
    this.lanes.send(`${WORDS[this.#written % WORDS.length]} (${this.#written})`);
  }

  #press(button, pressed, text = button.textContent) {
    button.ariaPressed = String(pressed);
    button.textContent = text;
  }
}
