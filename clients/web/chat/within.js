// When silence means a broken connection. A proxy may keep a connection open and pass nothing on, and a browser hides
// pings from its page. So every wait has a limit: RESPONSE_MS, plus the time for which the server may be silent. The
// server states that in `/health` (`hold_s` for a held poll, `ping_s` for a socket or an event stream).

import { ConnectionLost } from "./errors.js";

export const RESPONSE_MS = 10_000;

/** Resolve as `promise` does; raise ConnectionLost after `ms` of waiting for it. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionLost(`nothing came within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
