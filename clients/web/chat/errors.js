// The two ways in which a request to a server fails. The twin of clients/errors.py.

/** The connection is lost: a later attempt may succeed. */
export class ConnectionLost extends Error {}

/** The server refused: `code` for programs, `message` for people. */
export class Refused extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/** Return the error that a refusal stands for: what is unavailable now may be available later. */
export const refused = ({ error, detail }) =>
  error === "unavailable" ? new ConnectionLost(detail) : new Refused(error, detail);
