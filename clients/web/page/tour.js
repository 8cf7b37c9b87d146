// The guided tour: its steps follow the argument, and each runs something live. Next, Back and the arrow keys change
// the step; Play goes through all of them automatically, in 180 s.

import { $ } from "../dom.js";
import { attempt } from "./notices.js";
import { hideSummary, showSummary } from "./summary.js";
import { answerOf, reset, STEPS } from "./tour_steps.js";

const WHOLE_MS = 180_000;
const REFRESH_MS = 500; // an answer's figures are this machine's, and change continuously

export class Tour {
  #place = 0;
  #stop = new AbortController(); // a change of step aborts it: running actions end soon, further ones do not start
  #running = Promise.resolve();
  #playing;

  constructor(lanes, controls) {
    const canShow = ({ lane, link }) => (!lane || lanes.find(lane)) && (!link || lanes.requestBytes[link]);
    const steps = STEPS.filter(canShow); // without the steps of absent lanes and of links that were not measured
    Object.assign(this, { lanes, controls, steps });
    $("tour-back").onclick = () => this.#show(this.#place - 1);
    $("tour-next").onclick = () => this.#show(this.#place + 1);
    $("tour-end").onclick = () => this.#end();
    $("tour-play").onclick = () => this.#play(!this.#playing);
    $("tour").onkeydown = ({ key }) => {
      const change = { ArrowRight: 1, ArrowLeft: this.#place ? -1 : 0 }[key];
      if (change) this.#show(this.#place + change);
      if (key === "Escape") this.#end();
    };
    setInterval(() => this.#answer(), REFRESH_MS);
  }

  start() {
    $("tour").hidden = false;
    document.body.classList.add("is-touring");
    this.#show(0);
  }

  #show(place) {
    if (place >= this.steps.length) return this.#end();
    this.#place = place;
    const step = this.steps[this.#place];
    $("tour-place").textContent = `Step ${this.#place + 1} of ${this.steps.length}`;
    $("tour-title").textContent = step.title;
    $("tour-watch").textContent = step.watch;
    $("tour-question").textContent = `They will ask: ${step.question}`;
    $("tour-back").disabled = this.#place === 0;
    $("tour-next").textContent = this.#place === this.steps.length - 1 ? "Finish" : "Next";
    this.#answer();
    $("tour-title").focus({ preventScroll: true });
    if (step.isResult) showSummary("The result follows when every lane is connected");
    else hideSummary();
    this.lanes.emphasise(step.showsAll ? "" : step.lane);
    (this.lanes.find(step.lane)?.card ?? $("composer")).scrollIntoView();
    this.#play(!!this.#playing); // a step that was chosen by hand stays for its whole time
    this.#run(step.actions);
  }

  /** Run a step's actions one after the other, once the step before has finished its current one. */
  #run(actions) {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const runAll = async () => {
      for (const action of actions) if (!signal.aborted) await action(this.controls, this.lanes, signal);
    };
    this.#running = this.#running.then(() => attempt(runAll));
  }

  #answer() {
    if (!$("tour").hidden) $("tour-answer").textContent = answerOf(this.steps[this.#place], this.lanes);
  }

  #play(on) {
    $("tour-play").ariaPressed = String(on);
    clearInterval(this.#playing);
    this.#playing = on ? setInterval(() => this.#show(this.#place + 1), WHOLE_MS / this.steps.length) : undefined;
  }

  /** Hide the tour. The result stays, and is completed; every other step ends. */
  #end() {
    this.#play(false);
    $("tour").hidden = true;
    document.body.classList.remove("is-touring");
    this.lanes.emphasise("");
    $("tour-button").focus({ preventScroll: true });
    if (this.steps[this.#place].isResult) scrollTo(0, 0);
    else this.#run([reset()]);
  }
}
