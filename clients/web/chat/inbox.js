// The inbox: pages go in, in any order and any number of times; new events come out in order, each once.
//
// The twin of clients/inbox.py. A cursor is {epoch, seq}; on the wire `<epoch>.<seq>`.

const EARLY_MAX = 256;

export const written = (cursor) => `${cursor.epoch}.${cursor.seq}`;

export class Inbox {
  #early = new Map();
  #furthest = 0;

  constructor(cursor) {
    this.cursor = cursor;
    this.lostLog = false;
  }

  /** Whether something is missing before what came: catch up by reading from the cursor. */
  get behind() {
    return this.#furthest > this.cursor.seq;
  }

  /** Take in a page; return the events that are now new and in order. */
  feed(page) {
    if (page.epoch !== this.cursor.epoch) return this.#startOver(page);
    if (page.after > this.cursor.seq) {
      this.#keep(page);
      return [];
    }
    const events = this.#advance(page);
    for (let ready = this.#ready(); ready.length; ready = this.#ready()) {
      for (const early of ready) {
        this.#early.delete(early.after);
        events.push(...this.#advance(early));
      }
    }
    return events;
  }

  /** Tell whether the log goes on beyond the cursor, so that the client should read. */
  lags(head) {
    return head.epoch !== this.cursor.epoch || head.seq > this.cursor.seq;
  }

  #ready() {
    return [...this.#early.values()].filter((early) => early.after <= this.cursor.seq);
  }

  #keep(page) {
    this.#furthest = Math.max(this.#furthest, page.next);
    const known = this.#early.get(page.after);
    if (known ? page.next > known.next : this.#early.size < EARLY_MAX) this.#early.set(page.after, page);
  }

  #advance(page) {
    const events = page.events.filter((event) => event.seq > this.cursor.seq);
    this.cursor = { epoch: this.cursor.epoch, seq: Math.max(this.cursor.seq, page.next) };
    return events;
  }

  #startOver(page) {
    this.lostLog = true;
    this.#early.clear();
    this.#furthest = 0;
    this.cursor = { epoch: page.epoch, seq: page.next };
    return [...page.events];
  }
}
