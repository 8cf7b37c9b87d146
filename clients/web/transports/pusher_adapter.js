// Pusher adapter: commands to the API, news from the push service, by the official pusher-js.
//
// A push service may lose an event without saying so: the client reads after subscribing, reads on a gap, and hears
// with each heartbeat where the log ends.

import "../node_modules/pusher-js/dist/web/pusher.min.js";
import { Channel } from "../chat/channel.js";
import { ConnectionLost } from "../chat/errors.js";
import { decoded } from "../chat/http.js";

const GAP_MS = 250;
const HEARTBEATS_PER_LEASE = 3;
const LINE_IS_DOWN = ["connecting", "unavailable", "failed", "disconnected"];

export class Connection {
  /** options.pushService: a host and port to use instead of what the API says. */
  constructor(http, options) {
    this.http = http;
    this.options = options;
  }

  async open() {
    this.#hangUp();
    const snapshot = await this.http.join();
    await this.#subscribe({ ...(await this.http.call("GET", "/pusher/service")), ...this.options.pushService });
    this.mustRead = true;
    this.heartbeatMs = (1000 * snapshot.lease_s) / HEARTBEATS_PER_LEASE;
    this.beatAt = performance.now() + this.heartbeatMs;
    return snapshot;
  }

  post(command) {
    return this.http.post(command);
  }

  /** Listen and beat; read when something is missing. */
  async receive(inbox, signal) {
    for (;;) {
      if (performance.now() >= this.beatAt && (await this.#beatAndLag(inbox))) this.mustRead = true;
      const page = this.mustRead ? undefined : await this.pages.hear(inbox.behind ? GAP_MS : this.#untilBeatMs());
      if (page) return page;
      if (this.mustRead || inbox.behind) {
        const missed = await this.http.read(inbox.cursor, signal);
        this.mustRead = missed.events.length > 0; // a full page may not have been the last
        return missed;
      }
    }
  }

  async close() {
    this.#hangUp();
    await this.http.leave();
  }

  /** Show a sign of life; tell whether the log's head, as heard in answer, is ahead of the inbox. */
  async #beatAndLag(inbox) {
    this.beatAt = performance.now() + this.heartbeatMs;
    const { epoch, head } = await this.http.heartbeat();
    return inbox.lags({ epoch, seq: head });
  }

  #untilBeatMs() {
    return Math.max(0, this.beatAt - performance.now());
  }

  #subscribe({ key, cluster, host, port, tls }) {
    const { heard, room } = this.http;
    const pages = new Channel();
    const pusher = new self.Pusher(key, {
      ...(host && { wsHost: host, wsPort: port, wssPort: port }),
      cluster,
      forceTLS: tls,
      enabledTransports: ["ws", "wss"],
      disableStats: true,
      channelAuthorization: { customHandler: (asked, answer) => this.#authorize(asked, answer) },
    });
    Object.assign(this, { pages, pusher });
    heard("up", "service");
    return new Promise((resolve, reject) => {
      pusher.connection.bind("state_change", ({ previous, current }) => {
        if (previous === "initialized" || !LINE_IS_DOWN.includes(current)) return;
        if (previous === "connected") heard("pushed", "service", { type: "closed" });
        pages.end(new ConnectionLost(`the service is ${current}`));
        reject(new ConnectionLost(`the service is ${current}`));
      });
      const channel = pusher.subscribe(`private-room-${room}`);
      channel.bind("page", (page) => {
        heard("pushed", page.type, page);
        pages.tell(page);
      });
      channel.bind("pusher:subscription_error", () => reject(new ConnectionLost("the subscription was refused")));
      channel.bind("pusher:subscription_succeeded", () => resolve(heard("pushed", "service", { type: "open" })));
    });
  }

  async #authorize({ socketId, channelName }, answer) {
    const form = new URLSearchParams({ socket_id: socketId, channel_name: channelName });
    this.http.heard("up", "/pusher/auth");
    try {
      answer(null, await decoded(await this.http.ask("POST", "/pusher/auth", { body: form })));
    } catch (error) {
      answer(error, null);
    }
  }

  #hangUp() {
    this.pusher?.disconnect();
    this.pusher = undefined;
  }
}
