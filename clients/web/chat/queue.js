// Pages that have arrived and are not read yet. Not reading is no back-pressure in a browser: it delivers every message
// that arrives. So a full queue drops pages, which must be read again later, from the cursor. A page has at most 64 kB,
// so a full queue has 16 MB.

const PAGES_MAX = 256;

export class Queue {
  #items = [];
  #error;
  #wake = () => {};

  /** Add a page; return false, and drop it, if the queue is full. */
  put(item) {
    if (this.#items.length >= PAGES_MAX) return false;
    this.#items.push(item);
    this.#wake();
    return true;
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
