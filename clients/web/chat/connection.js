// A client's connection to its server. The base class uses plain HTTP; each transport's module overrides what differs.
// As in clients/connection.py.

export class ChatConnection {
  static holdsRequest = false; // true: reading occupies one of the browser's HTTP connections

  /** options.pollMs: the interval of a polling client; its first pause is a random part (`phase`) of it. */
  constructor(http, options) {
    this.http = http;
    this.options = options;
    this.phase = Math.random();
  }

  /** Join the room, or join it again; `open(inbox)` may continue after a cursor. Resolves with the snapshot. */
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
