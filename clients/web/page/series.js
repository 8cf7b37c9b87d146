// Messages that are sent automatically, one after the other.

import { pause } from "../chat/pause.js";

const TEXTS = ["Meet at noon?", "The build is green", "Who has the keys?", "Lunch is here", "On my way"];

/** Return the text of an automatic message. */
export const textOf = (number) => `${TEXTS[number % TEXTS.length]} (${number})`;

/** Send `count` messages to all lanes, one every `everyMs`, and call `onSent(number)` after each; resolves when every
 * lane has seen all of them, or when `signal` aborts. */
export async function sendSeries(lanes, count, everyMs, signal, onSent = () => {}) {
  const arrivals = [];
  for (let number = 1; number <= count && !signal.aborted; number += 1) {
    arrivals.push(lanes.send(textOf(number)));
    onSent(number);
    await pause(everyMs, signal);
  }
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  if (!signal.aborted) await Promise.race([Promise.all(arrivals), aborted]);
}
