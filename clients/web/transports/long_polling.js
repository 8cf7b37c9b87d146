// Long polling: ask, and be kept waiting. The question waits at the server, not at the client.

export class Connection {
  constructor(http) {
    this.http = http;
  }

  open() {
    return this.http.join();
  }

  post(command) {
    return this.http.post(command);
  }

  /** Ask, and wait for as long as the server does. */
  receive(inbox, signal) {
    return this.http.read(inbox.cursor, signal);
  }

  close() {
    return this.http.leave();
  }
}
