// Opens a line, posts a command that is never answered, and opens the line again, as a client does whose server lost
// its log: prints what became of the command.

import { Connection } from "../../../clients/web/transports/raw_websocket.js";

class Socket {
  static OPEN = 1;
  readyState = 0;

  constructor() {
    setTimeout(() => {
      this.readyState = Socket.OPEN;
      this.onopen();
    });
  }

  send(frame) {
    const { type } = JSON.parse(frame);
    if (type === "join") setTimeout(() => this.onmessage({ data: JSON.stringify({ type: "snapshot" }) }));
  }

  close() {
    setTimeout(() => this.onclose({ code: 1000, reason: "" }), 1);
  }
}

globalThis.WebSocket = Socket;
const http = { address: "http://127.0.0.1", room: "room", connection: "c", token: "t", onTraffic: () => {} };
const connection = new Connection(http);
await connection.open(null);
const posted = connection.post({ type: "send", client_id: "1", text: "hi" }).then(
  () => "acknowledged",
  (error) => error.constructor.name,
);
await connection.open(null);
console.log(await Promise.race([posted, new Promise((done) => setTimeout(() => done("still waiting"), 1000))]));
