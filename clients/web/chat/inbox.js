// The inbox: pages go in, in any order and any number of times; new events come out in order, each once.
// As in clients/inbox.py. A cursor is {epoch, seq}; on the wire `<epoch>.<seq>`.

const EARLY_MAX = 256;

export const formatCursor = (cursor) => `${cursor.epoch}.${cursor.seq}`;

export class Inbox {
  #early = new Map();
  #furthest = 0;

  constructor(cursor) {
    this.cursor = cursor;
    this.lostLog = false;
  }

  /** Whether an early page waits for missing events: catch up by reading from the cursor. */
  get behind() {
    return this.#furthest > this.cursor.seq;
  }

  /** Add a page; return the events that are now new and in order. */
  feed(page) {
    if (page.epoch !== this.cursor.epoch) return this.#startOver(page);
    if (page.after > this.cursor.seq) {
      this.#keep(page);
      return [];
    }
    const events = this.#advance(page);
    const early = [...this.#early.values()].find(({ after }) => after <= this.cursor.seq);
    if (!early) return events;
    this.#early.delete(early.after);
    return [...events, ...this.feed(early)];
  }

  /** Return whether the log has events after the cursor, so that the client should read. */
  lags(head) {
    return head.epoch !== this.cursor.epoch || head.seq > this.cursor.seq;
  }

  #keep(page) {
    this.#furthest = Math.max(this.#furthest, page.next);
    const known = this.#early.get(page.after);
    const isWanted = known ? page.next > known.next : this.#early.size < EARLY_MAX;
    if (isWanted) this.#early.set(page.after, page);
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
