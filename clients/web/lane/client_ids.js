// The id that a sender gives a message holds when it was written, so that every recipient can compute the latency, on
// this machine's one clock: `<ms since 1970>-<random>`. clients/client_ids.py is the same.

import { randomId } from "../chat/random_id.js";

const CLOCK_MOVED_MS = 50;
let originMs = performance.timeOrigin;

/** Return the time in ms since 1970; the browser's finer clock stands still while a machine sleeps. */
export const nowMs = () => {
  const movedMs = Date.now() - originMs - performance.now();
  if (Math.abs(movedMs) > CLOCK_MOVED_MS) originMs += movedMs;
  return originMs + performance.now();
};

/** Return a new id for a message written now. */
export const newClientId = () => `${nowMs().toFixed(1)}-${randomId()}`;

/** Return when a message was written, in ms since 1970; undefined if its id does not hold it. */
export const writtenAtMs = (id) => {
  const [, ms] = /^(\d{13}\.\d)-/.exec(id) ?? [];
  return ms && Number(ms);
};
