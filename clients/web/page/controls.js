// The controls: each changes one thing for all lanes, or switches one. A button is pressed when the demo has done it.

import { $, element, setText } from "../dom.js";
import { command } from "./demo.js";
import { attempt } from "./notices.js";
import { textOf } from "./series.js";

const PEOPLE = 5;
const isPressed = (id) => $(id).ariaPressed === "true";

export class Controls {
  #timer;
  #written = 0;
  #rate = 0;
  #writtenAtMs = []; // when the last messages were written automatically
  #network = { delay_ms: 0, is_cut: false };

  /** additions: slug -> label of each lane that can be switched on and off. */
  constructor(window, lanes, additions) {
    Object.assign(this, { window, lanes, additions });
    for (const [slug, label] of Object.entries(additions)) this.#addSwitch(slug, label);
    $("poll").oninput = () => this.poll(Number($("poll").value));
    $("rate").oninput = () => this.rate(Number($("rate").value));
    $("delay").oninput = () => this.delay(Number($("delay").value));
    $("cut").onclick = () => this.cut(!isPressed("cut"));
    $("crowd").onclick = () => this.crowd(!isPressed("crowd"));
    $("host").onchange = () => this.host($("host").value);
    $("window").onclick = () => open("?quiet", "_blank", "noopener");
    $("reset").onclick = () => attempt(() => lanes.resetCounts());
  }

  /** Set the interval of the polling clients. */
  poll(intervalS) {
    $("poll").value = intervalS;
    $("poll-shown").textContent = `${intervalS} s`;
    this.lanes.setPoll(1000 * intervalS);
  }

  /** Write so many messages a second automatically, 0 for none; a pause while a server is slow to store them. */
  rate(perSecond) {
    this.#rate = perSecond;
    this.#writtenAtMs = [];
    $("rate").value = perSecond;
    this.#showRate();
    clearInterval(this.#timer);
    if (perSecond) this.#timer = setInterval(() => this.lanes.areKeepingUp && this.#write(), 1000 / perSecond);
  }

  /** Delay everything between this window and the servers by `delayMs`, each way. */
  delay(delayMs) {
    $("delay").value = delayMs;
    $("delay-shown").textContent = delayMs ? `${delayMs} ms each way` : "none";
    return this.#setNetwork({ delay_ms: delayMs });
  }

  /** Run every lane on a serverless host of that profile; with "" on servers of their own. */
  host(profile) {
    $("host").value = profile;
    const move = () => command("set_host", { profile }).then(() => this.lanes.resetCounts());
    return attempt(move, $("host"));
  }

  /** Cut this window off from every server, or connect it again. */
  cut(isCut) {
    return this.#setNetwork({ is_cut: isCut });
  }

  /** Have scripted users join every lane, or leave. */
  crowd(isHere) {
    return attempt(() => command("set_crowd", { people: isHere ? PEOPLE : 0 }));
  }

  /** Show the state of the demo, whichever window changed it: all share the crowd, the host and the lanes. */
  update(state) {
    this.#press("crowd", state.people > 0, state.people ? "Remove the people" : "Add five people");
    if (!$("host").disabled && document.activeElement !== $("host")) $("host").value = state.profile;
    for (const slug of Object.keys(this.additions)) this.#press(`enable-${slug}`, state.lanes[slug].is_on);
    this.#showRate();
  }

  /** Add the button that switches a lane on or off; the lane appears with the next state, in every window. */
  #addSwitch(slug, label) {
    const button = element("button", { id: `enable-${slug}`, ariaPressed: "false" }, `Show ${label}`);
    const toggle = () => command("enable_lane", { lane: slug, on: !isPressed(button.id) });
    button.onclick = () => attempt(toggle, button);
    $("window").before(button);
  }

  #setNetwork(change) {
    const network = Object.assign(this.#network, change);
    return attempt(async () => {
      await command("set_network", { window: this.window, ...network });
      this.#press("cut", network.is_cut, network.is_cut ? "Reconnect my network" : "Cut my network");
    });
  }

  #write() {
    this.#written += 1;
    this.#writtenAtMs = [...this.#writtenAtMs.slice(-2 * this.#rate), performance.now()];
    this.lanes.send(textOf(this.#written));
  }

  /** Show the rate that was set, and the real one if a lane does not keep up. */
  #showRate() {
    const count = this.#writtenAtMs.length;
    const real = (1000 * count) / (performance.now() - this.#writtenAtMs[0]);
    const isSlower = count > this.#rate && real < 0.8 * this.#rate;
    const set = this.#rate ? `${this.#rate} per second` : "off";
    $("rate-shown").textContent = isSlower ? `${set} → ${real.toFixed(1)}` : set;
  }

  #press(id, pressed, text = $(id).textContent) {
    if (isPressed(id) !== pressed) $(id).ariaPressed = String(pressed);
    setText($(id), text);
  }
}
