// The first ten seconds: five messages are sent automatically, and one line says what to watch, and then the result.

import { $, setText } from "../dom.js";
import { numeral } from "../format.js";
import { comparisonOf } from "./figures.js";
import { sendSeries } from "./series.js";

const COUNT = 5;
const EVERY_MS = 1700; // differs from the polling interval, so that each message is sent at another moment of it
const HINT = "A message goes to every server at the same moment. Compare the large figures: how long until it is seen.";

export class Intro {
  #stopped = new AbortController();

  constructor(lanes) {
    this.lanes = lanes;
    setText($("watch"), HINT);
  }

  /** Send the messages, and show the result; resolves then, or once it is stopped. */
  async run() {
    const { signal } = this.#stopped;
    const servers = `${numeral(this.lanes.all.length)} servers`;
    const onSent = (number) =>
      setText($("watch"), `Message ${number} of ${COUNT} is sent to ${servers} at once. Compare the large figures.`);
    await sendSeries(this.lanes, COUNT, EVERY_MS, signal, onSent);
    if (signal.aborted) return;
    setText($("watch"), `${COUNT} messages were sent automatically. ${comparisonOf(this.lanes.all)}`);
  }

  /** Stop sending, and show the hint instead, since the user does something else. */
  stop() {
    this.#stopped.abort();
    setText($("watch"), HINT);
  }
}
