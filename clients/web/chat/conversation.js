// One user's conversation over any transport: the part of a client that never differs. The twin of
// clients/conversation.py.
//
// A line that breaks costs nothing but time: a command is repeated under the same client_id until it is acknowledged,
// and reading goes on from the cursor. Pauses double, with jitter. Messages are sent one after the other, so that they
// keep their order.

import { ConnectionLost, Refused } from "./errors.js";
import { Inbox } from "./inbox.js";
import { pause } from "./pause.js";
import { RoomView } from "./room_view.js";

const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 2000;

const worthAnotherTry = (error) =>
  error instanceof ConnectionLost || (error instanceof Refused && error.code === "too_many");
const isNotJoined = (error) => error instanceof Refused && error.code === "not_joined";
// Who has been forgotten joins again, by the line that reads, and may then go on.
const worthWaiting = (error) => worthAnotherTry(error) || isNotJoined(error);

export class ChatSession {
  #outbox = Promise.resolve();
  #ended = new AbortController();

  /** told(events): new events, in order, each once. changed(): whether the line is open did. */
  constructor(http, line, { told, changed }) {
    Object.assign(this, { http, line, told, changed });
    this.connected = false;
  }

  /** Log in and join; waits, for as long as it takes. Raises Refused. */
  async start(name, token) {
    this.account = await this.#persist(() => this.http.logIn(name, token));
    this.#enter(await this.#persist(() => this.line.open(null)));
  }

  /** Receive until the end. Raises Refused if the server will not have this client any more. */
  async listen() {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#deliver(await this.line.receive(this.inbox, this.#ended.signal));
      } catch (error) {
        if (this.#ended.signal.aborted) return;
        if (!worthWaiting(error)) throw error;
        await this.#return();
      }
    }
  }

  /** Send a message after those before it; resolves once it is committed. Raises Refused. */
  send(text, clientId) {
    const committed = this.#outbox.then(() => this.#post({ type: "send", client_id: clientId, text }));
    this.#outbox = committed.catch(() => {});
    return committed;
  }

  typing(active) {
    return this.#post({ type: "typing", active });
  }

  markRead(upTo) {
    return this.#post({ type: "mark_read", up_to: upTo });
  }

  /** Leave, and let go of the line. */
  async end() {
    this.#ended.abort();
    await this.line.close().catch(() => {}); // a lease that cannot be released runs out
  }

  #post(command) {
    return this.#persist(() => this.line.post(command), worthWaiting);
  }

  #enter(snapshot) {
    this.view = new RoomView(snapshot);
    this.inbox = new Inbox({ epoch: snapshot.epoch, seq: snapshot.head });
    this.#connect(true);
  }

  async #deliver(page) {
    let events = this.inbox.feed(page);
    if (this.inbox.lostLog) {
      const snapshot = await this.#persist(() => this.line.open(null));
      this.#enter(snapshot);
      events = snapshot.messages; // of the new log, so none of them has been told yet
    }
    this.view.apply(events);
    if (events.length) this.told(events);
  }

  /** Open the line again, and read on from the cursor. */
  async #return() {
    this.#connect(false);
    await pause(BACKOFF_MS * Math.random(), this.#ended.signal);
    await this.#persist(() => this.line.open(this.inbox));
    this.#connect(true);
  }

  #connect(connected) {
    this.connected = connected;
    this.changed();
  }

  /** Try until it works, or is refused for good. */
  async #persist(attempt, on = worthAnotherTry) {
    for (let waitMs = BACKOFF_MS; ; waitMs = Math.min(2 * waitMs, BACKOFF_MAX_MS)) {
      try {
        return await attempt();
      } catch (error) {
        if (!on(error) || this.#ended.signal.aborted) throw error;
        await pause(waitMs * (0.5 + Math.random()), this.#ended.signal);
      }
    }
  }
}
