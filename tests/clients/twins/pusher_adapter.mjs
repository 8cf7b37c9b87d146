// Subscribed, and with heartbeats due at once: a page arrives while the first one waits for its response. Prints the
// page's end and how many heartbeats were sent. Then the response comes, after two more pages: prints their ends, and
// how often the log was read after them. Then it connects again while it still asks where the service is: prints of
// each of those two requests whether it was given up.

import { Inbox } from "../../../clients/web/chat/inbox.js";
import { Queue } from "../../../clients/web/chat/queue.js";

Object.assign(globalThis, { window: globalThis, self: globalThis, document: { body: {} } }); // as pusher-js expects
const { Connection } = await import("../../../clients/web/transports/pusher_adapter.js");

const page = (after) => ({ epoch: "e1", after, next: after + 1, events: [{ seq: after + 1 }] });
let respond;
const response = new Promise((resolve) => {
  respond = resolve;
});
const counts = { heartbeats: 0, reads: 0 };
const signals = [];
const http = {
  join: async () => ({ epoch: "e1", head: 0, lease_s: 0.006 }),
  call: (_method, _path, _body, { signal } = {}) => {
    signals.push(signal);
    return new Promise(() => {}); // never says where the service is
  },
  post: () => {
    counts.heartbeats += 1;
    return response;
  },
  read: async () => {
    counts.reads += 1;
    return { epoch: "e1", after: 3, next: 3, events: [] };
  },
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const inbox = new Inbox({ epoch: "e1", seq: 0 });
const connection = new Connection(http, { pollMs: 1000 });
await connection.open(inbox);
Object.assign(connection, { pages: new Queue(), mustRead: false });
const receive = async () => {
  const received = await connection.receive(inbox, new AbortController().signal);
  inbox.feed(received);
  return received.next;
};
await pause(10);
const first = receive();
await pause(10);
connection.pages.put(page(0));
const beforeResponse = { page: await first, heartbeats: counts.heartbeats };
connection.pages.put(page(1));
connection.pages.put(page(2));
respond({ epoch: "e1", head: 3 });
await pause(1);
const afterResponse = { pages: [await receive(), await receive()], reads: counts.reads };
await connection.open(inbox);
await pause(10);
console.log(JSON.stringify([beforeResponse, afterResponse, signals.map((signal) => signal?.aborted)]));
process.exit();
