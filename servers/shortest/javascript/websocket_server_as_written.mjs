// A relay as tutorials write it, call for call. `node websocket_server_as_written.mjs` prints its address.
// Two things go wrong: text is relayed as binary, and one broken frame ends the process for everybody.

import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("listening", () => console.log(`ws://127.0.0.1:${server.address().port}`));

server.on("connection", (person) => {
  person.on("message", (data) => {
    server.clients.forEach((client) => {
      client.send(data);
    });
  });
});
