// Raw WebSocket: open a line once, and listen. Commands share it, so an answer says which command it belongs to.

import { Channel } from "../chat/channel.js";
import { ConnectionLost, refused, Refused } from "../chat/errors.js";
import { written } from "../chat/inbox.js";

const isRefusal = (code) => code >= 4400 && code < 4500;

export class Connection {
  constructor(http) {
    this.http = http;
    this.refs = 0;
    this.answers = new Map();
  }

  async open(inbox) {
    await this.close();
    this.pages = new Channel();
    this.snapshots = new Channel();
    this.answers = new Map();
    await this.#connect();
    const { connection, token } = this.http;
    this.#say({ type: "join", connection, token, after: inbox ? written(inbox.cursor) : "" });
    return this.snapshots.hear();
  }

  post(command) {
    const ref = ++this.refs;
    return new Promise((resolve, reject) => {
      this.#say({ ...command, ref });
      this.answers.set(ref, { resolve, reject });
    });
  }

  /** Listen until a page comes. */
  receive() {
    return this.pages.hear();
  }

  /** Hang up, which is all that leaving takes; whoever still waits for an answer may send again on another line. */
  async close() {
    this.socket?.close();
    const error = new ConnectionLost("the line was closed before the answer came");
    for (const asked of this.answers.values()) asked.reject(error);
  }

  #connect() {
    const { address, room, heard } = this.http;
    const socket = new WebSocket(`${address.replace("http", "ws")}/rooms/${room}/socket`);
    this.socket = socket;
    heard("up", "socket");
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(heard("down", "socket", { type: "open" }));
      socket.onclose = ({ code, reason }) => {
        const error = isRefusal(code)
          ? new Refused(reason, `closed with ${code}`)
          : new ConnectionLost(`closed with ${code}`);
        reject(error);
        if (socket === this.socket) this.#end(error);
      };
    });
  }

  #say(command) {
    if (this.socket?.readyState !== WebSocket.OPEN) throw new ConnectionLost("the line is not open");
    this.http.heard("up", command.type);
    this.socket.send(JSON.stringify(command));
  }

  #take(said) {
    this.http.heard("down", said.type, said);
    if (said.type === "page") return this.pages.tell(said);
    if (said.type === "snapshot") return this.snapshots.tell(said);
    const asked = this.answers.get(said.ref);
    this.answers.delete(said.ref);
    return said.type === "error" ? asked?.reject(refused(said)) : asked?.resolve(said);
  }

  #end(error) {
    this.http.heard("down", "socket", { type: "closed" });
    for (const asked of this.answers.values()) asked.reject(error);
    this.pages.end(error);
    this.snapshots.end(error);
  }
}
