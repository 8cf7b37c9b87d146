// Receives a message, then a page of another log, which holds that message too, and a new one. Prints their ids as they
// come, those that the view has in the end, and the error that ended the session. Then a typing notice is lost: prints
// whether it was sent again.

import { ChatSession } from "../../../clients/web/chat/conversation.js";
import { ConnectionLost } from "../../../clients/web/chat/errors.js";

const message = (id) => ({ kind: "message", sender: "ada", client_id: id, seq: 1 });
const snapshot = (epoch, ids) => ({ epoch, head: 0, members: [], receipts: {}, messages: ids.map(message) });
const snapshots = [snapshot("e1", []), snapshot("e2", ["a", "b"])];
const pages = [
  { epoch: "e1", after: 0, next: 1, events: [message("a")] },
  { epoch: "e2", after: 0, next: 0, events: [] },
];
const losses = [new ConnectionLost("lost")];
const connection = {
  open: async () => snapshots.shift(),
  receive: async () => {
    if (!pages.length) throw new Error("no more pages");
    return pages.shift();
  },
  post: async () => {
    if (losses.length) throw losses.shift();
  },
};
const events = [];
const session = new ChatSession({ logIn: async () => ({}) }, connection, {
  onEvents: (more) => events.push(...more),
  onConnection: () => {},
  onLost: () => {},
});
await session.start("Ada", "");
const error = await session.receive().catch((reason) => reason);
const idsOf = (messages) => messages.map((each) => each.client_id).join();
const notice = await session.typing(true).then(
  () => "sent again",
  (reason) => reason.message,
);
console.log(idsOf(events), idsOf(session.view.messages), error.message, notice);
