// Aligned polling: poll whenever the clock shows a multiple of the interval.

import { ChatConnection } from "../chat/connection.js";
import { pause } from "../chat/pause.js";

export class Connection extends ChatConnection {
  /** Sleep until the next multiple of the interval, then poll. */
  async receive(inbox, signal) {
    const { pollMs } = this.options;
    await pause(pollMs - (Date.now() % pollMs), signal);
    return this.http.read(inbox.cursor, signal);
  }
}
