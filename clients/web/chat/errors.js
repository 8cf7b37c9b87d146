// The two ways in which a request to a server fails. The twin of clients/errors.py.

/** The connection is lost: a later attempt may succeed, after `retryAfterMs` if the server states that. */
export class ConnectionLost extends Error {
  constructor(detail, retryAfterS = 0) {
    super(detail);
    this.retryAfterMs = 1000 * retryAfterS;
  }
}

/** The server refused: `code` for programs, `message` for people. */
export class Refused extends Error {
  constructor(code, detail, retryAfterS = 0) {
    super(detail);
    this.code = code;
    this.retryAfterMs = 1000 * retryAfterS;
  }
}

/** Return the error that a refusal stands for: what is unavailable now may be available later. */
export const refused = ({ error, detail, retry_after_s: retryAfterS }) =>
  error === "unavailable" ? new ConnectionLost(detail, retryAfterS) : new Refused(error, detail, retryAfterS);
