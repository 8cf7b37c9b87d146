// A client's connection to its server, as in clients/connection.py. The base class uses plain HTTP; each transport adds
// `receive(inbox, signal)`, which resolves with the next page, and overrides what differs. Errors: as there.

export class ChatConnection {
  static holdsRequest = false; // true: reading occupies one of the browser's HTTP connections

  /** options.pollMs: the interval of a polling client; its first pause is a random part (`phase`) of it. */
  constructor(http, options) {
    this.http = http;
    this.options = options;
    this.phase = Math.random();
  }

  /** Join the room, or join it again: `open(inbox)` may continue after its cursor. Resolves with the snapshot. */
  open() {
    return this.http.join();
  }

  /** Send a command; resolves with its acknowledgement. */
  post(command) {
    return this.http.post(command);
  }

  /** Leave the room and release the connection. */
  close() {
    return this.http.leave();
  }
}
