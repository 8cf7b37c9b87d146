// The same relay with the smallest corrections. `node websocket_server_corrected.mjs` prints its address.
// Text is relayed as text, and a broken frame ends one connection only (`ws` has closed it by then).

import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("listening", () => console.log(`ws://127.0.0.1:${server.address().port}`));

server.on("connection", (person) => {
  person.on("error", (error) => console.error(error.message));
  person.on("message", (data, isBinary) => {
    server.clients.forEach((client) => {
      client.send(data, { binary: isBinary });
    });
  });
});
