// Long polling: send a request that the server holds until there are new events.

import { ChatConnection } from "../chat/connection.js";

export class Connection extends ChatConnection {
  static holdsRequest = true;

  receive(inbox, signal) {
    return this.http.read(inbox.cursor, signal, this.http.heldMs);
  }
}
