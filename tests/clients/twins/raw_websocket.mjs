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
    const said = JSON.parse(frame);
    if (said.type === "join") setTimeout(() => this.onmessage({ data: JSON.stringify({ type: "snapshot" }) }));
  }

  close() {
    setTimeout(() => this.onclose({ code: 1000, reason: "" }), 1);
  }
}

globalThis.WebSocket = Socket;
const to = { address: "http://127.0.0.1", room: "room", connection: "c", token: "t" };
const line = new Connection({ ...to, heard: () => {} });
await line.open(null);
const posted = line.post({ type: "send", client_id: "1", text: "hi" }).then(
  () => "acknowledged",
  (error) => error.constructor.name,
);
await line.open(null);
console.log(await Promise.race([posted, new Promise((done) => setTimeout(() => done("still waiting"), 1000))]));
