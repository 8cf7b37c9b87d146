// The two ways in which a request to a server fails. As in clients/errors.py.

const RETRY_AFTER_MAX_MS = 60_000; // however long the server asks for

class ClientError extends Error {
  constructor(detail, retryAfterS = 0) {
    super(detail);
    this.retryAfterMs = Math.min(1000 * retryAfterS, RETRY_AFTER_MAX_MS);
  }
}

/** The connection is lost: a later attempt may succeed, after `retryAfterMs` if the server states that. */
export class ConnectionLost extends ClientError {}

/** The server responds over HTTP, but no WebSocket can be opened: the network may allow a later attempt. */
export class NoWebSocket extends ConnectionLost {}

/** The server refused: `code` for programs, `message` for people. */
export class Refused extends ClientError {
  constructor(code, detail, retryAfterS) {
    super(detail, retryAfterS);
    this.code = code;
  }
}

/** Return the error that a refusal stands for; `unavailable` is temporary, so it counts as a lost connection. */
export const refused = ({ error, detail, retry_after_s: retryAfterS }) =>
  error === "unavailable" ? new ConnectionLost(detail, retryAfterS) : new Refused(error, detail, retryAfterS);
