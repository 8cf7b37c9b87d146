// Pages that have arrived and are not read yet. The server bounds the queue: it stops pushing to a client that does not
// read.

export class Queue {
  #items = [];
  #error;
  #wake = () => {};

  put(item) {
    this.#items.push(item);
    this.#wake();
  }

  /** End the queue: after the items that it holds, `get` raises this ConnectionLost or Refused. */
  fail(error) {
    this.#error ??= error;
    this.#wake();
  }

  /** Return the next item, for one reader at a time; undefined if none arrives within `timeoutMs`. */
  async get(timeoutMs) {
    if (!this.#items.length && !this.#error) {
      await new Promise((resolve) => {
        this.#wake = resolve;
        if (timeoutMs !== undefined) setTimeout(resolve, timeoutMs);
      });
    }
    if (!this.#items.length && this.#error) throw this.#error;
    return this.#items.shift();
  }
}
