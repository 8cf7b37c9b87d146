// The guided tour: steps that follow the argument, each doing something live. Next, Back and the arrow keys turn the
// pages; Play turns them by itself, in 180 s.

import { afresh, STEPS } from "./tour_steps.js";

const WHOLE_MS = 180_000;
const ANSWER_MS = 500; // the answer's figures are this machine's, and go on changing
const $ = (id) => document.getElementById(id);

export class Tour {
  #place = 0;
  #turn = 0; // which turn of the page it is: the deeds of an earlier one are left undone
  #doing = Promise.resolve();
  #playing;

  constructor(lanes, controls) {
    const steps = STEPS.filter(({ lane }) => !lane || lanes.find(lane)); // an absent lane cannot be pointed at
    Object.assign(this, { lanes, controls, steps });
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

  #go(place) {
    if (place >= this.steps.length) return this.#end();
    this.#place = Math.max(0, place);
    const step = this.steps[this.#place];
    $("tour-place").textContent = `Step ${this.#place + 1} of ${this.steps.length}`;
    $("tour-title").textContent = step.title;
    $("tour-look").textContent = step.look;
    $("tour-question").textContent = `They will ask: ${step.question}`;
    $("tour-back").disabled = this.#place === 0;
    $("tour-next").textContent = this.#place === this.steps.length - 1 ? "Finish" : "Next";
    this.#answer();
    $("tour-title").focus({ preventScroll: true });
    this.lanes.point(step.lane);
    const [first] = this.lanes;
    (this.lanes.find(step.lane) ?? first).card.querySelector(".latest").scrollIntoView();
    this.#play(!!this.#playing); // a page that was turned by hand stays for its whole time
    return this.#do(step.deeds);
  }

  /** Do a step's deeds one after the other, once those of the step before have ended or been left undone. */
  #do(deeds) {
    const turn = ++this.#turn;
    this.#doing = this.#doing.then(async () => {
      for (const deed of deeds) if (turn === this.#turn) await deed(this.controls, this.lanes);
    });
  }

  #answer() {
    if (!$("tour").hidden) $("tour-answer").textContent = this.steps[this.#place].answer(this.lanes);
  }

  #play(on) {
    $("tour-play").ariaPressed = String(on);
    clearInterval(this.#playing);
    this.#playing = on ? setInterval(() => this.#go(this.#place + 1), WHOLE_MS / this.steps.length) : undefined;
  }

  #end() {
    this.#play(false);
    $("tour").hidden = true;
    this.lanes.point("");
    this.#do([afresh()]);
    $("tour-button").focus();
  }
}
