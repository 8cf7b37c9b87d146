// What a lane's messages took from being written to being seen, the last few hundred of them.

const KEPT = 500;

export class Latencies {
  #ms = [];

  add(tookMs) {
    this.#ms.push(tookMs);
    if (this.#ms.length > KEPT) this.#ms.shift();
  }

  clear() {
    this.#ms = [];
  }

  /** Return the last so many, oldest first. */
  last(count) {
    return this.#ms.slice(-count);
  }

  get median() {
    const sorted = this.#ms.toSorted((one, other) => one - other);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  get worst() {
    return Math.max(...this.#ms);
  }
}
