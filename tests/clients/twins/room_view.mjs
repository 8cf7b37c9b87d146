// Prints how many type, before and after a notice has expired, whatever the clocks of server and reader say. Then
// prints how many members and receipts are known after 2,000 others have come, read and gone.

import { RoomView } from "../../../clients/web/chat/room_view.js";

const snapshot = { members: [{ user: "ada", name: "Ada", online: true }], receipts: {}, messages: [] };
const [atMs, readerMs] = process.argv.slice(2).map(Number);
const view = new RoomView(snapshot);
const notice = { kind: "typing", sender: "ada", body: "started", at_ms: atMs, expires_at_ms: atMs + 500 };
view.apply([notice], readerMs);
const typing = [499, 500].map((afterMs) => view.typers(readerMs + afterMs, "bob").length);
const visit = [
  ["presence", "online"],
  ["receipt", "9"],
  ["presence", "offline"],
];
for (let sender = 0; sender < 2000; sender++) {
  for (const [kind, body] of visit) view.apply([{ kind, sender, body }], readerMs);
}
console.log(JSON.stringify({ typing, members: view.members.size, receipts: view.receipts.size }));
