// Notices beside the chat, such as one of a problem that only the browser can see; the newest is shown.

import { $ } from "../dom.js";

const SLOW_MS = 3000;
const NO_CONNECTION =
  "The server has not responded yet. A browser opens six connections to a server of HTTP/1.1, and each tab of this " +
  "chat holds one. If it is open in six tabs, close one.";
const NO_WEBSOCKET =
  "The server responds, but no WebSocket to it can be opened. Perhaps a proxy blocks it, or the host has none.";

/** Show that no WebSocket can be opened; hide that once one is open. */
export function showWebSockets(areOpened) {
  if (!areOpened) showNotice(NO_WEBSOCKET);
  else if ($("notice").textContent === NO_WEBSOCKET) showNotice("");
}

/** Show a connection that the page's policy does not allow: the client learns only that it failed. */
export function watchPolicy() {
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective !== "connect-src") return;
    const check = "Check PUSHER_HOST and PUSHER_PORT of its server.";
    showNotice(`This page's policy forbids a connection to ${blockedURI}. ${check}`);
  });
}

/** Watches the requests of a page that holds a request: others have to wait if the browser has no connection left. */
export class WaitingRequests {
  #timers = new Map(); // path -> timer

  /** The arguments are those of `onTraffic` in chat/http.js. */
  add(direction, about, data) {
    if (!about.startsWith("/") || about.includes("/events?")) return;
    clearTimeout(this.#timers.get(about));
    if (direction === "up") this.#timers.set(about, setTimeout(showNotice, SLOW_MS, NO_CONNECTION));
    else if (data.type !== "no_response" && $("notice").textContent === NO_CONNECTION) showNotice("");
  }
}

/** Show a notice in place of the present one; with an empty text, show none. */
export function showNotice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}
