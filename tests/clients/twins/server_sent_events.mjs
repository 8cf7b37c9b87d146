// Reads a page whose text holds the two line separators of Unicode, which JSON leaves as they are. Prints that text.

import { Connection } from "../../../clients/web/transports/server_sent_events.js";

const [text] = process.argv.slice(2);
const event = `id: e.1\ndata: ${JSON.stringify({ type: "page", text })}\n\n`;
const http = {
  join: async () => ({ epoch: "e", head: 0 }),
  eventsPath: () => "/",
  onTraffic: () => {},
  request: async () => new Response(event),
  silenceMs: 9000,
};
const connection = new Connection(http);
await connection.open(null);
const received = await connection.receive().catch((error) => ({ text: error.message }));
console.log(JSON.stringify(received.text));
