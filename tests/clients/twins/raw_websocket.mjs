// Opens a connection, posts a command that gets no response, and opens the connection again, as a client does when its
// server has lost the log. Then 200 pages arrive, and half of them are read. Then 300 arrive at once: that is more than
// a client keeps, so it closes the connection. Prints how the command ended, how many pages were read, and the close.

import { Connection } from "../../../clients/web/transports/raw_websocket.js";

globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 1;

  constructor() {
    setTimeout(() => this.onopen());
  }

  send(frame) {
    if (JSON.parse(frame).type === "join") setTimeout(() => this.onmessage({ data: '{"type": "snapshot"}' }));
  }

  close() {
    setTimeout(() => this.onclose({ code: 1000, reason: "" }), 1);
  }
};

const names = { address: "http://127.0.0.1", room: "room", connection: "c", token: "t" };
const http = { ...names, onTraffic: () => {}, silenceMs: 9000 };
const connection = new Connection(http);
await connection.open(null);
const late = new Promise((_, reject) => setTimeout(() => reject(new Error("still waiting")), 1000));
const posted = connection.post({ type: "send", client_id: "1", text: "hi" });
const ended = Promise.race([posted, late]).catch((error) => console.log(error.constructor.name));
await connection.open(null);
await ended;
let received = 0;
const receive = () => connection.receive().then(() => ++received);
const arrive = (pages) => {
  for (let page = 0; page < pages; page++) connection.socket.onmessage({ data: '{"type": "page"}' });
};
arrive(200);
while (received < 100) await receive();
arrive(300);
const lost = async () => {
  for (;;) await receive();
};
await lost().catch((error) => console.log(received, error.message));
