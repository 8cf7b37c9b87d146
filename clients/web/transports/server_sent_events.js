// Server-Sent Events: ask once, and listen to an answer that never ends. Read by fetch, since the browser's own
// EventSource cannot send an Authorization header (HTML Standard, section 9.2, has the format).

import { Channel } from "../chat/channel.js";
import { ConnectionLost, refused } from "../chat/errors.js";
import { decoded } from "../chat/http.js";
import { written } from "../chat/inbox.js";

export class Connection {
  constructor(http) {
    this.http = http;
  }

  async open(inbox) {
    await this.close();
    const snapshot = await this.http.join();
    const path = this.http.eventsPath({ epoch: snapshot.epoch, seq: snapshot.head });
    const headers = inbox ? { "Last-Event-ID": written(inbox.cursor) } : {};
    this.stopping = new AbortController();
    this.http.heard("up", "stream");
    const answer = await this.http.ask("GET", path, { headers, signal: this.stopping.signal });
    if (!answer.ok) await decoded(answer);
    this.http.heard("down", "stream", { type: "open" });
    this.pages = new Channel();
    this.#listen(answer.body.pipeThrough(new TextDecoderStream()).getReader(), this.pages);
    return snapshot;
  }

  /** Post beside the stream, whose end is the end of the user's lease: until it is back, they have not joined. */
  async post(command) {
    try {
      return await this.http.post(command);
    } catch (error) {
      throw error.code === "not_joined" ? new ConnectionLost("the stream has ended, and the lease with it") : error;
    }
  }

  /** Listen until a page comes. */
  receive() {
    return this.pages.hear();
  }

  /** Hang up, which is all that leaving takes. */
  async close() {
    this.stopping?.abort();
  }

  async #listen(reader, pages) {
    let rest = "";
    let why = "the server ended the stream";
    try {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const events = (rest + piece.value).split("\n\n");
        rest = events.pop();
        for (const event of events) this.#take(event, pages);
      }
    } catch (error) {
      why = `the stream broke: ${error.message}`;
    }
    this.http.heard("down", "stream", { type: "closed" });
    pages.end(new ConnectionLost(why));
  }

  #take(event, pages) {
    const data = event.split("\n").filter((line) => line.startsWith("data: "));
    if (!data.length) return; // a comment, in place of a ping
    const said = JSON.parse(data.map((line) => line.slice(6)).join("\n"));
    this.http.heard("down", said.type, said);
    if (said.type === "error") pages.end(refused(said));
    else pages.tell(said);
  }
}
