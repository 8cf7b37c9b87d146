// The page's connection to the demo that serves it: commands go up, the state of all lanes comes down.

import { Backoff } from "../chat/backoff.js";
import { RESPONSE_MS } from "../chat/within.js";

const COMMAND_MS = 60_000; // a lane's server may take half a minute to start
const secret = document.querySelector("meta[name=secret]").content;
const WINDOW_KEY = "window"; // a page that is reloaded returns to its own connections

/** Send a command to the demo; resolves with its response. Raises Error: the demo's reason, or that none came. */
export async function command(type, fields = {}) {
  const response = await fetch("/control", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Secret": secret },
    body: JSON.stringify({ type, ...fields }),
    signal: AbortSignal.timeout(COMMAND_MS),
  });
  const data = await response.json();
  if (!response.ok) throw new Error(data.detail);
  return data;
}

/** Open this window, or return to it; resolves with `OpenedWindow` of servers/demo/messages.py. */
export async function openWindow() {
  const opened = await command("open_window", { window: sessionStorage.getItem(WINDOW_KEY) ?? "" });
  sessionStorage.setItem(WINDOW_KEY, opened.window);
  return opened;
}

/** Call `onState(state)` several times a second; `onEnd()` when the demo has ended, closed the window or is silent.
 * Reconnects after a random pause: the pause of EventSource itself would be the same in all windows. */
export function watch(window, onState, onEnd, backoff = new Backoff()) {
  const states = new EventSource(`/counters?window=${window}`);
  let silence;
  const end = () => {
    clearTimeout(silence);
    states.close();
    onEnd();
  };
  const endAndReconnect = () => {
    end();
    setTimeout(() => watch(window, onState, onEnd, backoff), backoff.nextMs());
  };
  const expectMore = () => {
    clearTimeout(silence);
    silence = setTimeout(endAndReconnect, RESPONSE_MS);
  };
  states.onmessage = ({ data }) => {
    expectMore();
    backoff.reset();
    onState(JSON.parse(data));
  };
  states.addEventListener("gone", end);
  states.onerror = endAndReconnect;
  expectMore();
}
