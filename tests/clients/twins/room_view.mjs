// Prints who types, before and after a notice has expired: for clocks of the server and of the reader that differ.

import { RoomView } from "../../../clients/web/chat/room_view.js";

const snapshot = { members: [{ user: "ada", name: "Ada", online: true }], receipts: {}, messages: [] };
const [atMs, readerMs] = process.argv.slice(2).map(Number);
const view = new RoomView(snapshot);
const notice = { kind: "typing", sender: "ada", body: "started", at_ms: atMs, expires_at_ms: atMs + 500 };
view.apply([notice], readerMs);
console.log(view.typers(readerMs + 499, "bob").length, view.typers(readerMs + 500, "bob").length);
