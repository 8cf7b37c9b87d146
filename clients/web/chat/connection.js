// One client's connection to its server: plain HTTP, of which each transport's module changes what differs. The twin of
// clients/connection.py.

export class ChatConnection {
  static holdsRequest = false; // true: while it reads, it takes one of the browser's HTTP connections

  /** options.pollMs: the interval of a polling client, of which the first time only a random phase is slept. */
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
