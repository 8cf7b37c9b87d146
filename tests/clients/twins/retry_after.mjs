// Prints after how many ms the browser's client tries again: for a refusal on a socket, and for responses of HTTP. Then
// prints which statuses of a proxy, without a body of ours, it takes for a final refusal.

import { Refused, refused } from "../../../clients/web/chat/errors.js";
import { decoded } from "../../../clients/web/chat/http.js";

const [json, header] = process.argv.slice(2);
const bodies = [
  [json, { status: 429 }],
  ["busy", { status: 429, headers: { "Retry-After": header } }],
];
const failures = bodies.map((body) => decoded(new Response(...body)).catch((error) => error));
const afterMs = [refused(JSON.parse(json)), ...(await Promise.all(failures))].map((error) => error.retryAfterMs);
const statuses = [400, 404, 408, 425, 429, 500, 503];
const final = {};
for (const body of ["<html>", '{ "message": "slow down" }', "null"]) {
  const errors = statuses.map((status) => decoded(new Response(body, { status })).catch((error) => error));
  const isFinal = (await Promise.all(errors)).map((error) => error instanceof Refused && error.message.length > 0);
  final[body[0]] = statuses.filter((_, index) => isFinal[index]);
}
console.log(JSON.stringify({ afterMs, final }));
