// Feeds the browser's inbox the pages that it reads from standard input, and prints what came out: a line of JSON each.

import { createInterface } from "node:readline";

import { Inbox } from "../../../clients/web/chat/inbox.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { cursor, pages } = JSON.parse(line);
  const inbox = new Inbox(cursor);
  const out = pages.map((page) => inbox.feed(page).map((event) => event.seq));
  console.log(JSON.stringify({ out, cursor: inbox.cursor, behind: inbox.behind, lostLog: inbox.lostLog }));
}
