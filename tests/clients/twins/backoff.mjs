// Prints the browser's pauses between attempts, where the random numbers are those that are given.

import { Backoff } from "../../../clients/web/chat/backoff.js";

const shares = process.argv.slice(2).map(Number);
const backoff = new Backoff(() => shares.shift());
while (shares.length) console.log(backoff.nextMs());
