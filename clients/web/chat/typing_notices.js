// When to notify the others that the user types: as rarely as keeps the notice true. As in clients/terminal_chat.py.

const RENEW_MS = 3000;

export class TypingNotices {
  #text = "";
  #sentMs = -Infinity;

  /** Return true to notify that the user types, false that they have stopped, undefined if no notice is due. */
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
