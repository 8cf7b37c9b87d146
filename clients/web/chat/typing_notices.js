// When to notify the others that I type: while it is true, and no more often than necessary. The twin of
// clients/terminal_chat.py.

const RENEW_MS = 3000;

export class TypingNotices {
  #text = "";
  #sentMs = -Infinity;

  /** Return true to notify that I type, false that I have stopped, undefined if no notice is due. */
  due(typed, nowMs) {
    if (typed && typed !== this.#text && nowMs - this.#sentMs >= RENEW_MS) {
      this.#text = typed;
      this.#sentMs = nowMs;
      return true;
    }
    if (!this.#text || typed) return undefined;
    this.reset();
    return false;
  }

  /** Forget the last notice: a sent message itself shows that its sender has stopped typing. */
  reset() {
    this.#text = "";
    this.#sentMs = -Infinity;
  }
}
