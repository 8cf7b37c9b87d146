// What comes by itself, and whoever waits for it: a queue that ends when its line breaks. It is bounded by the server,
// which leaves a reader behind that does not read.

export class Channel {
  #told = [];
  #waiting = [];
  #end = null;

  tell(said) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve(said);
    else this.#told.push(said);
  }

  /** Let whoever waits know that no more comes, and why: a ConnectionLost or Refused. */
  end(error) {
    this.#end ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#end);
  }

  /** Return what was told next; undefined if nothing was within so many ms. Raises what ended it. */
  hear(withinMs = Infinity) {
    if (this.#told.length) return Promise.resolve(this.#told.shift());
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      let timer;
      const waiting = {
        resolve: (said) => {
          clearTimeout(timer);
          resolve(said);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      if (withinMs === Infinity) return;
      timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(undefined);
      }, withinMs);
    });
  }
}
