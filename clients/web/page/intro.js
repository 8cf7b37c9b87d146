// The first ten seconds: five messages go out automatically, and one line says what to look at, then what came out.

import { $, setText } from "../dom.js";
import { numeral } from "../format.js";
import { comparisonOf } from "./figures.js";
import { sendSeries } from "./series.js";

const COUNT = 5;
const EVERY_MS = 1700; // not the interval of the pollers: each message finds them at another moment of it
const HINT = "A message goes to every server at the same moment. Compare the large figures: how long until it is seen.";

export class Intro {
  #running = new AbortController();

  constructor(lanes) {
    this.lanes = lanes;
    setText($("watch"), HINT);
  }

  /** Send the messages, and say what came out; resolves then, or once it is stopped. */
  async run() {
    const { signal } = this.#running;
    const servers = `${numeral(this.lanes.all.length)} servers`;
    const onSent = (number) =>
      setText(
        $("watch"),
        `Message ${number} of ${COUNT} is sent to ${servers} at once. Watch how long until each lane sees it.`,
      );
    await sendSeries(this.lanes, COUNT, EVERY_MS, signal, onSent);
    if (signal.aborted) return;
    setText($("watch"), `${COUNT} messages were sent automatically. ${comparisonOf(this.lanes.all)}`);
  }

  /** Stop sending: somebody does something else. */
  stop() {
    this.#running.abort();
    setText($("watch"), HINT);
  }
}
