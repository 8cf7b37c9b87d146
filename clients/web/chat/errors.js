// The two ways in which a request to a server fails. The twin of clients/errors.py.

const RETRY_AFTER_MAX_MS = 60_000; // however long the server asks for
const milliseconds = (retryAfterS) => Math.min(1000 * retryAfterS, RETRY_AFTER_MAX_MS);

/** The connection is lost: a later attempt may succeed, after `retryAfterMs` if the server states that. */
export class ConnectionLost extends Error {
  constructor(detail, retryAfterS = 0) {
    super(detail);
    this.retryAfterMs = milliseconds(retryAfterS);
  }
}

/** The server answers over HTTP, but no WebSocket is opened: a later attempt may be let through by the network. */
export class NoWebSocket extends ConnectionLost {}

/** The server refused: `code` for programs, `message` for people. */
export class Refused extends Error {
  constructor(code, detail, retryAfterS = 0) {
    super(detail);
    this.code = code;
    this.retryAfterMs = milliseconds(retryAfterS);
  }
}

/** Return the error that a refusal stands for: what is unavailable now may be available later. */
export const refused = ({ error, detail, retry_after_s: retryAfterS }) =>
  error === "unavailable" ? new ConnectionLost(detail, retryAfterS) : new Refused(error, detail, retryAfterS);
