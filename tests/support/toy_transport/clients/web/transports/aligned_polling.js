// Aligned polling: read whenever the clock shows a multiple of the interval.

import { pause } from "../chat/pause.js";

export class Connection {
  /** options.pollMs: the interval now. */
  constructor(http, options) {
    this.http = http;
    this.options = options;
  }

  open() {
    return this.http.join();
  }

  post(command) {
    return this.http.post(command);
  }

  /** Sleep until the next multiple of the interval, then read. */
  async receive(inbox, signal) {
    const { pollMs } = this.options;
    await pause(pollMs - (Date.now() % pollMs), signal);
    return this.http.read(inbox.cursor, signal);
  }

  close() {
    return this.http.leave();
  }
}
