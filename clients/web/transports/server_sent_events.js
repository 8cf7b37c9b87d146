// Server-Sent Events: send one request, and read a response that never ends. Read by fetch, since the browser's own
// EventSource cannot send an Authorization header (HTML Standard, section 9.2, has the format).

import { ChatConnection } from "../chat/connection.js";
import { ConnectionLost, refused } from "../chat/errors.js";
import { decoded } from "../chat/http.js";
import { formatCursor } from "../chat/inbox.js";
import { Queue } from "../chat/queue.js";
import { RESPONSE_MS, within } from "../chat/within.js";

export class Connection extends ChatConnection {
  static holdsRequest = true;

  async open(inbox) {
    await this.close();
    const snapshot = await this.http.join();
    const path = this.http.eventsPath({ epoch: snapshot.epoch, seq: snapshot.head });
    const headers = inbox ? { "Last-Event-ID": formatCursor(inbox.cursor) } : {};
    this.stop = new AbortController();
    this.http.onTraffic("up", "stream");
    const opening = this.http.request("GET", path, { headers, signal: this.stop.signal });
    const response = await within(RESPONSE_MS, opening);
    if (!response.ok) await decoded(response); // raises Refused or ConnectionLost
    this.http.onTraffic("down", "stream", { type: "open" });
    this.pages = new Queue();
    this.#readAll(response.body.pipeThrough(new TextDecoderStream()).getReader(), this.pages);
    return snapshot;
  }

  /** Send a command. Raises ConnectionLost, not Refused, if the end of the stream has ended the lease. */
  async post(command) {
    try {
      return await super.post(command);
    } catch (error) {
      throw error.code === "not_joined" ? new ConnectionLost("the stream has ended, and the lease with it") : error;
    }
  }

  receive() {
    return this.pages.get();
  }

  /** Close the stream; the server then releases the lease. */
  async close() {
    this.stop?.abort();
  }

  /** Read the stream to its end. In a silent room it carries comments; without them it counts as broken. */
  async #readAll(reader, pages) {
    const next = () => within(this.http.silenceMs, reader.read());
    let unfinished = ""; // the beginning of an event
    let reason = "the server ended the stream";
    try {
      for (let piece = await next(); !piece.done; piece = await next()) {
        const events = (unfinished + piece.value).split("\n\n");
        unfinished = events.pop();
        for (const event of events) this.#accept(event, pages);
      }
    } catch (error) {
      reason = `the stream broke: ${error.message}`;
      reader.cancel().catch(() => {}); // it holds one of the browser's six connections to a server
    }
    this.http.onTraffic("down", "stream", { type: "closed" });
    pages.fail(new ConnectionLost(reason));
  }

  #accept(event, pages) {
    const [, json] = /^data: ([^\n]*)/m.exec(event) ?? []; // JSON is one line
    if (!json) return; // a comment, in place of a ping
    const data = JSON.parse(json);
    this.http.onTraffic("down", data.type, data);
    if (data.type === "error") pages.fail(refused(data));
    else if (!pages.put(data)) throw new ConnectionLost("too many pages wait to be read");
  }
}
