// A message's client_id holds the time at which the message was written: `<ms since 1970>-<random>`. So each recipient
// can compute the latency. As in clients/client_ids.py.

import { randomId } from "../chat/random_id.js";

const CLOCK_MOVED_MS = 50;
let originMs = performance.timeOrigin;

/** Return the time in ms since 1970, with fractions. The finer clock stands still during sleep, so it is corrected. */
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
