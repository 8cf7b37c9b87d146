// When to tell the others that I type: while it is true, and no more often than that takes. The twin of
// clients/typing_notices.py.

const RENEW_MS = 3000;

export class TypingNotices {
  #told = "";
  #toldMs = -Infinity;

  /** Return true to tell that I type, false that I have stopped, undefined if there is nothing to tell. */
  due(typed, nowMs) {
    if (typed && typed !== this.#told && nowMs - this.#toldMs >= RENEW_MS) {
      this.#told = typed;
      this.#toldMs = nowMs;
      return true;
    }
    if (this.#told && !typed) {
      this.reset();
      return false;
    }
    return undefined;
  }

  /** Forget what was told: a message says by itself that its sender types no more. */
  reset() {
    this.#told = "";
    this.#toldMs = -Infinity;
  }
}
