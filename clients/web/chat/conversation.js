// One user's chat session over any transport: what is the same for all of them. As in clients/conversation.py.
//
// A lost connection costs time and nothing else: a command is repeated under the same client_id until it is
// acknowledged, and reading continues after the cursor. Messages are sent one after the other, so that they keep
// their order. A page in the browser's back-forward cache has lost its connection in the same way.

import { Backoff } from "./backoff.js";
import { ConnectionLost } from "./errors.js";
import { Inbox } from "./inbox.js";
import { pause } from "./pause.js";
import { RoomView } from "./room_view.js";

// A client whose lease has expired (not_joined) joins again as soon as it next receives.
const isTemporary = (error) => error instanceof ConnectionLost || ["too_many", "not_joined"].includes(error.code);
const idOf = ({ sender, client_id: clientId }) => `${sender} ${clientId}`;
const pauseAfter = (error, backoff) => pause(Math.max(backoff.nextMs(), error.retryAfterMs));

export class ChatSession {
  #outbox = Promise.resolve();
  #suspension = new AbortController();
  #resumed = Promise.resolve();
  #backoff = new Backoff(); // reset by a page only: a connection that opens and then brings no page has failed

  /** onEvents(events): new events, in order, each once. onConnection(): `connected` has changed. onLost(error): an
   * attempt has failed, and is repeated. */
  constructor(http, connection, { onEvents, onConnection, onLost }) {
    Object.assign(this, { http, connection, onEvents, onConnection, onLost, connected: false });
  }

  /** Log in and join; waits, for as long as it takes. Raises Refused. */
  async start(name, token) {
    this.account = await this.#retry(() => this.http.logIn(name, token));
    this.#enter(await this.#retry(() => this.connection.open(null)));
  }

  /** Receive for ever. Raises Refused if the server does not accept this client any more. */
  async receive() {
    for (;;) {
      try {
        await this.#deliver(await this.connection.receive(this.inbox, this.#suspension.signal));
        this.#backoff.reset();
      } catch (error) {
        await this.#resumed;
        if (!isTemporary(error)) throw error;
        await this.#reconnect(error);
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
    return this.connection.post({ type: "typing", active }); // once: a late notice is no longer true
  }

  markRead(upTo) {
    return this.#post({ type: "mark_read", up_to: upTo });
  }

  /** Leave, and release the connection, since the page is hidden: for ever, or until `resume`. */
  suspend() {
    ({ promise: this.#resumed, resolve: this.resume } = Promise.withResolvers());
    this.#suspension.abort();
    this.#suspension = new AbortController();
    this.connection.close().catch(() => {}); // a lease that cannot be released expires
  }

  #post(command) {
    return this.#retry(() => this.connection.post(command));
  }

  #enter(snapshot) {
    this.view = new RoomView(snapshot);
    this.inbox = new Inbox({ epoch: snapshot.epoch, seq: snapshot.head });
    this.#setConnected(true);
  }

  async #deliver(page) {
    let events = this.inbox.feed(page);
    if (this.inbox.lostLog) {
      const delivered = new Set(this.view.messages.map(idOf));
      this.#enter(await this.#retry(() => this.connection.open(null)));
      events = this.view.messages.filter((event) => !delivered.has(idOf(event))); // a failover keeps messages
    } else this.view.apply(events, performance.now());
    if (events.length) this.onEvents(events);
  }

  /** Open the connection again and continue after the cursor. */
  async #reconnect(error) {
    this.#setConnected(false);
    await pauseAfter(error, this.#backoff);
    await this.#retry(() => this.connection.open(this.inbox), this.#backoff);
    this.#setConnected(true);
  }

  #setConnected(connected) {
    this.connected = connected;
    this.onConnection();
  }

  /** Repeat `attempt` until it succeeds; raises its error if a retry cannot help. */
  async #retry(attempt, backoff = new Backoff()) {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isTemporary(error)) throw error;
        this.onLost(error);
        await pauseAfter(error, backoff);
        await this.#resumed;
      }
    }
  }
}
