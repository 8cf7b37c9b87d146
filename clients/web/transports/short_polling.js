// Short polling: ask, sleep, ask again. The client does all the waiting, between questions.

import { pause } from "../chat/pause.js";

export class Connection {
  /** options.pollMs: the interval now. */
  constructor(http, options) {
    this.http = http;
    this.options = options;
    this.phase = Math.random();
  }

  open() {
    return this.http.join();
  }

  post(command) {
    return this.http.post(command);
  }

  /** Sleep, then ask. */
  async receive(inbox, signal) {
    await pause(this.phase * this.options.pollMs, signal);
    this.phase = 1;
    return this.http.read(inbox.cursor, signal);
  }

  close() {
    return this.http.leave();
  }
}
