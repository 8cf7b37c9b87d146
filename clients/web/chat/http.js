// What every client says over plain HTTP: log in, join, read, beat, commands. The twin of clients/http_session.py.
//
// Two things go wrong: the server refuses, or the line is down. `heard(way, about, said)` is told of everything that
// crosses the wire, "up" or "down", for whoever draws it.

import { ConnectionLost, refused } from "./errors.js";
import { written } from "./inbox.js";

const ANSWER_MS = 60_000; // longer than the server holds a question

export class HttpSession {
  constructor(address, room, heard) {
    this.address = address;
    this.room = room;
    this.heard = heard;
    this.connection = crypto.randomUUID().slice(0, 8);
    this.token = "";
  }

  /** Log in; with the token of an earlier log-in, as the same user. */
  async logIn(name, token = "") {
    this.token = token;
    const account = await this.call("POST", "/login", { name });
    this.token = account.token;
    return account;
  }

  join() {
    return this.call("POST", `/rooms/${this.room}/join`, { type: "join", connection: this.connection });
  }

  leave() {
    const goodbye = { type: "leave", connection: this.connection };
    return this.call("POST", `/rooms/${this.room}/leave`, goodbye, { keepalive: true }); // also while the page closes
  }

  heartbeat() {
    return this.post({ type: "heartbeat", connection: this.connection });
  }

  post(command) {
    return this.call("POST", `/rooms/${this.room}/${command.type}`, command);
  }

  read(after, signal) {
    return this.call("GET", this.eventsPath(after), undefined, { signal });
  }

  eventsPath(after) {
    return `/rooms/${this.room}/events?after=${written(after)}&connection=${this.connection}`;
  }

  /** Ask, and return the answer decoded. Raises ConnectionLost or Refused. */
  async call(method, path, body, { signal, keepalive } = {}) {
    this.heard("up", path);
    const patience = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), ...(signal ? [signal] : [])]);
    const json = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    try {
      const said = await decoded(await this.ask(method, path, { ...json, signal: patience, keepalive }));
      this.heard("down", path, said);
      return said;
    } catch (error) {
      this.heard("down", path, { type: "unanswered" });
      throw error;
    }
  }

  /** Ask, and return the answer as soon as its head is here. Raises ConnectionLost. */
  async ask(method, path, request) {
    const headers = { ...request.headers, ...(this.token && { Authorization: `Bearer ${this.token}` }) };
    try {
      return await fetch(this.address + path, { ...request, method, headers, cache: "no-store" });
    } catch (error) {
      throw new ConnectionLost(`${method} ${path}: ${error.message}`);
    }
  }
}

/** Return what an answer says. Raises Refused, or ConnectionLost for what only time mends. */
export async function decoded(answer) {
  let said;
  try {
    said = await answer.json();
  } catch (error) {
    throw new ConnectionLost(`${answer.url}: ${error.message}`);
  }
  if (answer.ok) return said;
  throw answer.status >= 500 ? new ConnectionLost(said.detail) : refused(said);
}
