// The guided tour: steps that follow the argument, each running something live. Next, Back and the arrow keys change
// the step; Play does so automatically, in 180 s.

import { $ } from "../dom.js";
import { answerOf, reset, STEPS } from "./tour_steps.js";

const WHOLE_MS = 180_000;
const ANSWER_MS = 500; // the answer's figures are this machine's, and change continuously

export class Tour {
  #place = 0;
  #turn = 0; // counts the changes of step: actions of an earlier one are not started any more
  #running = Promise.resolve();
  #playing;

  constructor(lanes, controls) {
    const steps = STEPS.filter(({ lane }) => !lane || lanes.find(lane)); // an absent lane cannot be pointed at
    Object.assign(this, { lanes, controls, steps });
    $("tour-back").onclick = () => this.#show(this.#place - 1);
    $("tour-next").onclick = () => this.#show(this.#place + 1);
    $("tour-end").onclick = () => this.#end();
    $("tour-play").onclick = () => this.#play($("tour-play").ariaPressed !== "true");
    $("tour").onkeydown = ({ key }) => {
      const change = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (change) this.#show(this.#place + change);
      if (key === "Escape") this.#end();
    };
    setInterval(() => this.#answer(), ANSWER_MS);
  }

  start() {
    $("tour").hidden = false;
    this.#show(0);
  }

  #show(place) {
    if (place >= this.steps.length) return this.#end();
    this.#place = Math.max(0, place);
    const step = this.steps[this.#place];
    $("tour-place").textContent = `Step ${this.#place + 1} of ${this.steps.length}`;
    $("tour-title").textContent = step.title;
    $("tour-watch").textContent = step.watch;
    $("tour-question").textContent = `They will ask: ${step.question}`;
    $("tour-back").disabled = this.#place === 0;
    $("tour-next").textContent = this.#place === this.steps.length - 1 ? "Finish" : "Next";
    this.#answer();
    $("tour-title").focus({ preventScroll: true });
    this.lanes.point(step.lane);
    (this.lanes.find(step.lane) ?? this.lanes.all[0]).card.querySelector(".latest").scrollIntoView();
    this.#play(!!this.#playing); // a step that was chosen by hand stays for its whole time
    return this.#run(step.actions);
  }

  /** Run a step's actions one after the other, once the step before has finished its current one. */
  #run(actions) {
    const turn = ++this.#turn;
    this.#running = this.#running.then(async () => {
      for (const action of actions) if (turn === this.#turn) await action(this.controls, this.lanes);
    });
  }

  #answer() {
    if (!$("tour").hidden) $("tour-answer").textContent = answerOf(this.steps[this.#place], this.lanes);
  }

  #play(on) {
    $("tour-play").ariaPressed = String(on);
    clearInterval(this.#playing);
    this.#playing = on ? setInterval(() => this.#show(this.#place + 1), WHOLE_MS / this.steps.length) : undefined;
  }

  #end() {
    this.#play(false);
    $("tour").hidden = true;
    this.lanes.point("");
    this.#run([reset()]);
    $("tour-button").focus();
  }
}
