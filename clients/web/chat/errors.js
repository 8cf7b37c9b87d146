// The two ways in which talking to a server fails. The twin of clients/errors.py.

/** The line is down: time may mend it. */
export class ConnectionLost extends Error {}

/** The server will not: code says why, and message says it to humans. */
export class Refused extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/** Return the error that a refusal in so many words stands for: what is unavailable now may be there later. */
export const refused = ({ error, detail }) =>
  error === "unavailable" ? new ConnectionLost(detail) : new Refused(error, detail);
