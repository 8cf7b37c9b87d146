// The guided tour: steps that follow the argument, each doing something live. Next, Back and the arrow keys turn the
// pages; Play turns them by itself, in 180 s.

import { STEPS } from "./tour_steps.js";

const STEP_MS = 180_000 / STEPS.length;
const ANSWER_MS = 500; // the answer's figures are this machine's, and go on changing
const $ = (id) => document.getElementById(id);

export class Tour {
  #place = -1;
  #playing;

  constructor(lanes, controls) {
    Object.assign(this, { lanes, controls });
    $("tour-back").onclick = () => this.#go(this.#place - 1);
    $("tour-next").onclick = () => this.#go(this.#place + 1);
    $("tour-end").onclick = () => this.#end();
    $("tour-play").onclick = () => this.#play($("tour-play").ariaPressed !== "true");
    $("tour").onkeydown = ({ key }) => {
      const turn = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (turn) this.#go(this.#place + turn);
      if (key === "Escape") this.#end();
    };
    setInterval(() => this.#answer(), ANSWER_MS);
  }

  begin() {
    $("tour").hidden = false;
    this.#go(0);
  }

  async #go(place) {
    if (place >= STEPS.length) return this.#end();
    this.#place = Math.max(0, place);
    const step = STEPS[this.#place];
    $("tour-place").textContent = `Step ${this.#place + 1} of ${STEPS.length}`;
    $("tour-title").textContent = step.title;
    $("tour-look").textContent = step.look;
    $("tour-question").textContent = `They will ask: ${step.question}`;
    $("tour-back").disabled = this.#place === 0;
    $("tour-next").textContent = this.#place === STEPS.length - 1 ? "Finish" : "Next";
    this.#answer();
    $("tour-title").focus({ preventScroll: true });
    this.lanes.point(step.lane);
    const [first] = this.lanes;
    (this.lanes.find(step.lane) ?? first).card.querySelector(".latest").scrollIntoView();
    await step.act(this.controls, this.lanes);
    return undefined;
  }

  #answer() {
    if (!$("tour").hidden) $("tour-answer").textContent = STEPS[this.#place].answer(this.lanes);
  }

  #play(on) {
    $("tour-play").ariaPressed = String(on);
    clearInterval(this.#playing);
    if (on) this.#playing = setInterval(() => this.#go(this.#place + 1), STEP_MS);
  }

  #end() {
    this.#play(false);
    $("tour").hidden = true;
    this.lanes.point("");
    this.controls.rate(0);
    this.controls.cut(false);
    $("tour-button").focus();
  }
}
