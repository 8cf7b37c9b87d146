// Raw WebSocket: open one connection, and read what arrives. Commands share it, so a response has its command's number.
// In a silent room the server sends empty pages; without them the connection counts as broken.

import { ChatConnection } from "../chat/connection.js";
import { ConnectionLost, NoWebSocket, Refused, refused } from "../chat/errors.js";
import { decoded } from "../chat/http.js";
import { formatCursor } from "../chat/inbox.js";
import { Queue } from "../chat/queue.js";
import { RESPONSE_MS, within } from "../chat/within.js";

const isRefusal = (code) => code >= 4400 && code < 4500;

export class Connection extends ChatConnection {
  #frames = new Queue(); // a snapshot, then pages
  #commands = new Map(); // ref -> {type, resolve, reject} of each command without a response
  #ref = 0;

  async open(inbox) {
    await this.close();
    this.#frames = new Queue();
    await within(RESPONSE_MS, this.#connect());
    const { connection, token } = this.http;
    this.#send({ type: "join", connection, token, after: inbox ? formatCursor(inbox.cursor) : "" });
    return within(RESPONSE_MS, this.#frames.get());
  }

  post(command) {
    const ref = ++this.#ref;
    const response = new Promise((resolve, reject) => {
      this.#send({ ...command, ref });
      this.#commands.set(ref, { type: command.type, resolve, reject });
    });
    return within(RESPONSE_MS, response).finally(() => this.#commands.delete(ref));
  }

  receive() {
    return within(this.http.silenceMs, this.#frames.get());
  }

  /** Close the socket; the server then releases the lease. Commands without a response may be sent again. */
  async close() {
    this.socket?.close();
    this.#fail(new ConnectionLost("the connection was closed before the response arrived"));
  }

  #connect() {
    const { address, room, onTraffic } = this.http;
    const path = `/rooms/${encodeURIComponent(room)}/socket`;
    const socket = new WebSocket(address.replace("http", "ws") + path);
    this.socket = socket;
    onTraffic("up", "socket");
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    return new Promise((resolve, reject) => {
      let wasOpen = false;
      socket.onopen = () => {
        wasOpen = true;
        resolve(onTraffic("down", "socket", { type: "open" }));
      };
      socket.onclose = async ({ code, reason }) => {
        const detail = `closed with ${code}`;
        const lost = wasOpen ? new ConnectionLost(detail) : await this.#whyNotOpened(path);
        const error = isRefusal(code) ? new Refused(reason, detail) : lost;
        reject(error);
        if (socket !== this.socket) return;
        onTraffic("down", "socket", { type: "closed" });
        this.#fail(error);
      };
    });
  }

  /** Request the same path over HTTP, since a browser does not say why an upgrade failed; resolves with the error. */
  async #whyNotOpened(path) {
    try {
      await decoded(await this.http.request("GET", path, { signal: AbortSignal.timeout(RESPONSE_MS) }));
    } catch (error) {
      if (error.code !== "not_found") return error; // a server that serves sockets has nothing else at their path
    }
    return new NoWebSocket("the server responds over HTTP, but opens no WebSocket");
  }

  #send(command) {
    if (this.socket?.readyState !== WebSocket.OPEN) throw new ConnectionLost("the connection is not open");
    this.http.onTraffic("up", command.type);
    this.socket.send(JSON.stringify(command));
  }

  #receive(frame) {
    const command = this.#commands.get(frame.ref);
    this.http.onTraffic("down", command?.type ?? frame.type, frame);
    if (frame.type === "page" || frame.type === "snapshot") return this.#frames.put(frame) || this.socket.close();
    this.#commands.delete(frame.ref);
    return frame.type === "error" ? command?.reject(refused(frame)) : command?.resolve(frame);
  }

  #fail(error) {
    for (const command of this.#commands.values()) command.reject(error);
    this.#commands.clear();
    this.#frames.fail(error);
  }
}
