// Pusher adapter: commands to the API, events from the push service, by the official pusher-js.
//
// A push service may lose an event without an error. So the client also reads: after subscribing, when events are
// missing, and when a heartbeat's response names a later head than the cursor. If the service itself reports who is
// online, the client sends no heartbeats, and reads after a long silence. While it cannot be reached, the client polls.

import "../node_modules/pusher-js/dist/web/pusher.min.js";
import { Backoff } from "../chat/backoff.js";
import { ChatConnection } from "../chat/connection.js";
import { ConnectionLost, Refused } from "../chat/errors.js";
import { decoded } from "../chat/http.js";
import { pause } from "../chat/pause.js";
import { Queue } from "../chat/queue.js";
import { RESPONSE_MS } from "../chat/within.js";

const GAP_MS = 250;
const HEARTBEATS_PER_LEASE = 3;
const DISCONNECTED = ["connecting", "unavailable", "failed", "disconnected"];
const TERMINATED = 4009; // by the API: by its records, the user is not in the room
const isPermanent = ({ code, status = 400 }) => (code ? code >= 4000 && code < 4100 : status < 500);

/** Return the error that a refusal of the service stands for: it has a code, a status, or none of them (signature). */
function refusal(data, wasSubscribed = false) {
  if (wasSubscribed && data?.code === TERMINATED) return new Refused("not_joined", data.message);
  const reason = `the push service refused: ${data?.message ?? data?.error ?? "no reason given"}`;
  return isPermanent(data ?? {}) ? new Refused("push_service", reason) : new ConnectionLost(reason);
}

/** options.pushService: a host and port to use instead of what the API returns. */
export class Connection extends ChatConnection {
  async open() {
    this.ended?.abort();
    const snapshot = await this.http.join();
    Object.assign(this, { pages: undefined, mustRead: true, failure: undefined, isAsking: false, head: undefined });
    this.heartbeatMs = (1000 * snapshot.lease_s) / HEARTBEATS_PER_LEASE;
    this.checkDueMs = performance.now() + this.heartbeatMs;
    this.ended = new AbortController();
    this.#keepSubscribed(this.ended.signal);
    return snapshot;
  }

  /** Wait for a page and send heartbeats; read when something is missing, and poll while not subscribed. */
  async receive(inbox, signal) {
    for (;;) {
      if (this.failure) throw this.failure;
      const untilDueMs = Math.max(0, this.checkDueMs - performance.now());
      this.mustRead ||= !untilDueMs && this.silenceMs > 0;
      if (!untilDueMs && !this.silenceMs && !this.isAsking) this.#sendHeartbeat(this.ended.signal);
      const patienceMs = inbox.behind || this.isAsking ? GAP_MS : untilDueMs;
      const next = this.mustRead ? undefined : this.pages?.get(this.head ? 0 : patienceMs);
      const pushed = await next?.catch(() => undefined);
      if (!pushed && this.head) [this.mustRead, this.head] = [this.mustRead || inbox.lags(this.head), undefined];
      if (!pushed && !this.mustRead && !inbox.behind && this.pages) continue;
      const page = pushed ?? (await this.#read(inbox, signal));
      if (this.silenceMs) this.checkDueMs = performance.now() + this.silenceMs; // measured anew
      return page;
    }
  }

  async close() {
    this.ended?.abort();
    await super.close();
  }

  async #read(inbox, signal) {
    if (!this.pages) {
      await pause(this.phase * this.options.pollMs, AbortSignal.any([signal, this.attempt.signal]));
      this.phase = 1;
    }
    const { pages } = this;
    const missed = await this.http.read(inbox.cursor, signal);
    this.mustRead = !pages || pages !== this.pages || missed.events.length > 0; // events: the page may not be the last
    return missed;
  }

  /** Subscribe, and again after a pause whenever the connection is lost, until the service refuses permanently. */
  async #keepSubscribed(ended) {
    const backoff = new Backoff();
    for (let pauseMs = 0; !ended.aborted; pauseMs = backoff.nextMs()) {
      this.attempt = new AbortController(); // aborted once it has succeeded, which ends the pause before a poll
      await pause(pauseMs, ended);
      if (ended.aborted) return;
      const error = await this.#subscribe(ended).catch((reason) => reason);
      if (error instanceof Refused && this.ended.signal === ended) {
        this.failure = error;
        this.attempt.abort();
        this.pages?.fail(error);
        return;
      }
      if (this.ended.signal !== ended || !this.pages) continue;
      backoff.reset();
      this.pages.fail(new ConnectionLost("the service"));
      Object.assign(this, { pages: undefined, mustRead: true, phase: Math.random() });
    }
  }

  /** Renew the lease, and learn the room's head. No page waits for the response. */
  async #sendHeartbeat(ended) {
    Object.assign(this, { isAsking: true, checkDueMs: performance.now() + this.heartbeatMs });
    const asked = this.http.post({ type: "heartbeat", connection: this.http.connection });
    const { epoch, head: seq, failure } = await asked.catch((error) => ({ failure: error }));
    if (ended.aborted) return;
    Object.assign(this, failure ? { failure } : { head: { epoch, seq } }, { isAsking: false });
  }

  /** Subscribe; `pages` is set for as long as that lasts. Raises ConnectionLost when it fails or ends, or Refused. */
  async #subscribe(ended) {
    const service = await this.http.call("GET", "/pusher/service", undefined, { signal: ended });
    this.silenceMs = 1000 * service.silence_s;
    const { onTraffic, room } = this.http;
    const { promise: end, reject: fail } = Promise.withResolvers();
    const pages = new Queue();
    const pusher = this.#newPusher({ ...service, ...this.options.pushService }, fail);
    onTraffic("connect", "service");
    this.#watchConnection(pusher.connection, pages, fail);
    const channel = pusher.subscribe(`${service.channel_prefix}${room}`);
    channel.bind("page", (page) => {
      onTraffic("pushed", page.type, page);
      pages.put(page); // a dropped page leaves a gap, after which the client reads
    });
    channel.bind("pusher:subscription_error", (data) => fail(refusal(data)));
    channel.bind("pusher:subscription_succeeded", () => {
      clearTimeout(timer);
      onTraffic("pushed", "service", { type: "open" });
      this.pages = pages;
      this.attempt.abort();
      pusher.signin();
    });
    const timer = setTimeout(() => fail(new ConnectionLost("the push service does not respond")), RESPONSE_MS);
    const disconnect = () => pusher.disconnect();
    ended.addEventListener("abort", disconnect);
    await end.finally(() => {
      clearTimeout(timer);
      ended.removeEventListener("abort", disconnect);
      disconnect();
    });
  }

  /** Return a client of the service. The API signs its subscription and its sign-in, or `fail(error)` is called. */
  #newPusher({ key, cluster, host, port, tls }, fail) {
    let user; // the sign-in by which the API can end this connection
    const authorized = (signed, callback) => {
      user = signed.user;
      callback(null, signed);
    };
    return new self.Pusher(key, {
      ...(host && { wsHost: host, wsPort: port, wssPort: port }),
      cluster,
      forceTLS: tls,
      enabledTransports: ["ws", "wss"],
      disableStats: true,
      channelAuthorization: {
        customHandler: (request, callback) =>
          this.#authorize(request).then((signed) => authorized(signed, callback), fail),
      },
      userAuthentication: { customHandler: (_, callback) => callback(null, user) },
    });
  }

  /** Call `fail(error)` when the connection to the service is lost or refused. pages: those of this subscription. */
  #watchConnection(connection, pages, fail) {
    connection.bind("state_change", ({ previous, current }) => {
      if (previous === "initialized" || !DISCONNECTED.includes(current)) return;
      if (previous === "connected") this.http.onTraffic("pushed", "service", { type: "closed" });
      fail(new ConnectionLost(`the service is ${current}`));
    });
    connection.bind("error", (error) => {
      const data = error.data ?? error.error?.data; // of a frame, or of the code with which the socket was closed
      const isSubscribed = this.pages === pages; // then an error without a code only says that there is no sign-in
      if (data && (data.code || !isSubscribed)) fail(refusal(data, isSubscribed));
    });
  }

  async #authorize({ socketId, channelName }) {
    const { connection } = this.http;
    const form = new URLSearchParams({ socket_id: socketId, channel_name: channelName, connection });
    const request = { body: form, signal: AbortSignal.timeout(RESPONSE_MS) };
    this.http.onTraffic("up", "/pusher/auth");
    return decoded(await this.http.request("POST", "/pusher/auth", request));
  }
}
