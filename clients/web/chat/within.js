// When silence means a broken connection. A proxy may keep a connection open and pass nothing on, and a browser shows
// its page no pings. So everything that is awaited has a limit: the time within which the server states in `/health`
// that it sends something (`hold_s` for a held poll, `ping_s` for a socket or an event stream), and RESPONSE_MS.

import { ConnectionLost } from "./errors.js";

export const RESPONSE_MS = 10_000; // for everything else, this alone

/** Resolve as `promise` does; raise ConnectionLost after `ms` of waiting for it. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionLost(`nothing came within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
