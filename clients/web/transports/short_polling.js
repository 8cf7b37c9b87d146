// Short polling: request, sleep, request again. The client does all the waiting, between requests.

import { ChatConnection } from "../chat/connection.js";
import { pause } from "../chat/pause.js";

export class Connection extends ChatConnection {
  /** Sleep, then poll. */
  async receive(inbox, signal) {
    await pause(this.phase * this.options.pollMs, signal);
    this.phase = 1;
    return this.http.read(inbox.cursor, signal);
  }
}
