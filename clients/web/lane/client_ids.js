// The id that a sender gives a message holds when it was written, so that every recipient can compute the latency, on
// this machine's one clock: `<ms since 1970>-<random>`. clients/client_ids.py is the same.

import { randomId } from "../chat/random_id.js";

/** Return a new id for a message written now. */
export const newClientId = () => {
  const nowMs = performance.timeOrigin + performance.now();
  return `${nowMs.toFixed(1)}-${randomId()}`;
};

/** Return when a message was written, in ms since 1970; undefined if its id does not hold it. */
export const writtenAtMs = (id) => {
  const [, ms] = /^(\d{13}\.\d)-/.exec(id) ?? [];
  return ms && Number(ms);
};
