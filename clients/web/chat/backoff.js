// Pauses between attempts to reconnect: exponential back-off with full jitter. clients/backoff.py says why.

const FIRST_MS = 100;
const MAX_MS = 5000;

export class Backoff {
  #limitMs = FIRST_MS;

  constructor(random = Math.random) {
    this.random = random;
  }

  /** Return the length of the next pause, in ms. */
  nextMs() {
    const pauseMs = this.random() * this.#limitMs;
    this.#limitMs = Math.min(2 * this.#limitMs, MAX_MS);
    return pauseMs;
  }

  /** Begin with the shortest limit again, since an attempt has succeeded. */
  reset() {
    this.#limitMs = FIRST_MS;
  }
}
