// Pusher adapter: commands to the API, events from the push service, by the official pusher-js.
//
// A push service may lose an event without saying so: the client reads after subscribing and when events are missing,
// and every heartbeat's response holds the end of the log.

import "../node_modules/pusher-js/dist/web/pusher.min.js";
import { ChatConnection } from "../chat/connection.js";
import { ConnectionLost } from "../chat/errors.js";
import { decoded } from "../chat/http.js";
import { Queue } from "../chat/queue.js";

const GAP_MS = 250;
const HEARTBEATS_PER_LEASE = 3;
const DISCONNECTED = ["connecting", "unavailable", "failed", "disconnected"];

/** options.pushService: a host and port to use instead of what the API returns. */
export class Connection extends ChatConnection {
  async open() {
    this.pusher?.disconnect();
    const snapshot = await this.http.join();
    await this.#subscribe({ ...(await this.http.call("GET", "/pusher/service")), ...this.options.pushService });
    this.mustRead = true;
    this.heartbeatMs = (1000 * snapshot.lease_s) / HEARTBEATS_PER_LEASE;
    this.heartbeatDueMs = performance.now() + this.heartbeatMs;
    return snapshot;
  }

  /** Wait for a page and send heartbeats; read when something is missing. */
  async receive(inbox, signal) {
    for (;;) {
      if (performance.now() >= this.heartbeatDueMs && (await this.#heartbeatFindsLag(inbox))) this.mustRead = true;
      const patienceMs = inbox.behind ? GAP_MS : Math.max(0, this.heartbeatDueMs - performance.now());
      const page = this.mustRead ? undefined : await this.pages.get(patienceMs);
      if (page) return page;
      if (this.mustRead || inbox.behind) {
        const missed = await this.http.read(inbox.cursor, signal);
        this.mustRead = missed.events.length > 0; // a full page may not have been the last
        return missed;
      }
    }
  }

  async close() {
    this.pusher?.disconnect();
    await super.close();
  }

  /** Renew the lease; return whether the log has events that are not in the inbox. */
  async #heartbeatFindsLag(inbox) {
    this.heartbeatDueMs = performance.now() + this.heartbeatMs;
    const { epoch, head } = await this.http.post({ type: "heartbeat", connection: this.http.connection });
    return inbox.lags({ epoch, seq: head });
  }

  #subscribe({ key, cluster, host, port, tls }) {
    const { onTraffic, room } = this.http;
    const pages = new Queue();
    const pusher = new self.Pusher(key, {
      ...(host && { wsHost: host, wsPort: port, wssPort: port }),
      cluster,
      forceTLS: tls,
      enabledTransports: ["ws", "wss"],
      disableStats: true,
      channelAuthorization: { customHandler: (request, callback) => this.#authorize(request, callback) },
    });
    Object.assign(this, { pages, pusher });
    onTraffic("up", "service");
    return new Promise((resolve, reject) => {
      pusher.connection.bind("state_change", ({ previous, current }) => {
        if (previous === "initialized" || !DISCONNECTED.includes(current)) return;
        if (previous === "connected") onTraffic("pushed", "service", { type: "closed" });
        const error = new ConnectionLost(`the service is ${current}`);
        pages.fail(error);
        reject(error);
      });
      const channel = pusher.subscribe(`private-room-${room}`);
      channel.bind("page", (page) => {
        onTraffic("pushed", page.type, page);
        pages.put(page);
      });
      channel.bind("pusher:subscription_error", () => reject(new ConnectionLost("the subscription was refused")));
      channel.bind("pusher:subscription_succeeded", () => resolve(onTraffic("pushed", "service", { type: "open" })));
    });
  }

  async #authorize({ socketId, channelName }, callback) {
    const form = new URLSearchParams({ socket_id: socketId, channel_name: channelName });
    this.http.onTraffic("up", "/pusher/auth");
    try {
      callback(null, await decoded(await this.http.request("POST", "/pusher/auth", { body: form })));
    } catch (error) {
      callback(error, null);
    }
  }
}
