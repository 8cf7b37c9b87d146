// Prints after how many ms the browser's client tries again: for a refusal on a socket, and for responses of HTTP.

import { refused } from "../../../clients/web/chat/errors.js";
import { decoded } from "../../../clients/web/chat/http.js";

const [json, header] = process.argv.slice(2);
const bodies = [
  [json, { status: 429 }],
  ["busy", { status: 429, headers: { "Retry-After": header } }],
];
const failures = bodies.map((body) => decoded(new Response(...body)).catch((error) => error));
console.log(...[refused(JSON.parse(json)), ...(await Promise.all(failures))].map((error) => error.retryAfterMs));
