// Pages that have arrived and are not read yet. A browser hands over whatever arrives, so it is no back-pressure to
// read nothing: what a full queue does not take must be read again later, from the cursor. A page has 64 kB, so this
// is 16 MB.

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
