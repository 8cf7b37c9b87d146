// What every client does over plain HTTP: log in, join, read, send commands. As in clients/http_session.py.
//
// A request fails in one of two ways: the server refuses, or the connection is lost. For what crosses the wire,
// `onTraffic(direction, about, data)` is called, so that it can be drawn: see `arrowOf` in lane/arrows.js.

import { ConnectionLost, Refused, refused } from "./errors.js";
import { formatCursor } from "./inbox.js";
import { randomId } from "./random_id.js";
import { RESPONSE_MS } from "./within.js";

const TEMPORARY_STATUSES = [408, 425, 429]; // a proxy's, for a request that may succeed later

export class HttpSession {
  /** stated: what the server states in `/health`. heldMs, silenceMs: how long a held poll, and an open connection, may
   * be silent before it counts as broken. */
  constructor(address, room, onTraffic, stated) {
    Object.assign(this, { address, room, onTraffic, token: "" });
    this.heldMs = 1000 * stated.hold_s + RESPONSE_MS;
    this.silenceMs = 1000 * stated.ping_s + RESPONSE_MS;
    this.connection = randomId();
  }

  /** Log in; with the token of an earlier log-in, as the same user. */
  async logIn(name, token = "") {
    this.token = token;
    const account = await this.call("POST", "/login", { name });
    this.token = account.token;
    return account;
  }

  join() {
    return this.post({ type: "join", connection: this.connection });
  }

  leave() {
    return this.post({ type: "leave", connection: this.connection }, { keepalive: true }); // also while the page closes
  }

  post(command, options) {
    return this.call("POST", `/rooms/${encodeURIComponent(this.room)}/${command.type}`, command, options);
  }

  read(after, signal, timeoutMs) {
    return this.call("GET", this.eventsPath(after), undefined, { signal, timeoutMs });
  }

  eventsPath(after) {
    return `/rooms/${encodeURIComponent(this.room)}/events?after=${formatCursor(after)}&connection=${this.connection}`;
  }

  /** Send a request and return the response, decoded. Raises ConnectionLost or Refused. */
  async call(method, path, body, { signal, keepalive, timeoutMs = RESPONSE_MS } = {}) {
    const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
    const json = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    let data = { type: "no_response" };
    this.onTraffic("up", path);
    try {
      const response = await this.request(method, path, { ...json, signal: AbortSignal.any(signals), keepalive });
      data = { type: "error" };
      data = await decoded(response);
      return data;
    } finally {
      this.onTraffic("down", path, data);
    }
  }

  /** Send a request and return the response as soon as its headers have arrived. Raises ConnectionLost. */
  async request(method, path, options) {
    const headers = { ...options.headers, ...(this.token && { Authorization: `Bearer ${this.token}` }) };
    try {
      return await fetch(this.address + path, { ...options, method, headers, cache: "no-store" });
    } catch (error) {
      throw new ConnectionLost(`${method} ${path}: ${error.message}`);
    }
  }
}

/** Return a response's JSON. Raises Refused, or ConnectionLost if a later attempt may succeed. */
export async function decoded(response) {
  const { ok, status, url } = response;
  const afterS = Number(response.headers.get("Retry-After")) || 0; // a date (RFC 9110 section 10.2.3) is ignored
  const data = await response.json().catch(() => null);
  if (ok && data) return data;
  const isOurs = Boolean(data?.error); // a proxy's response holds no refusal
  const detail = isOurs ? data.detail : `${url} responded with ${status}`;
  if (ok || status >= 500 || (!isOurs && TEMPORARY_STATUSES.includes(status))) throw new ConnectionLost(detail, afterS);
  throw isOurs ? refused(data) : new Refused("unavailable", detail);
}
