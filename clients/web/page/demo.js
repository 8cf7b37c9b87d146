// The page's connection to the demo that serves it: commands go up, the state of all lanes comes down.

const secret = document.querySelector("meta[name=secret]").content;
const STORED = "window"; // a page that is reloaded returns to its own connections

/** Send a command to the demo; resolves with its response. Raises Error with the demo's reason. */
export async function command(type, fields = {}) {
  const response = await fetch("/control", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Secret": secret },
    body: JSON.stringify({ type, ...fields }),
  });
  const data = await response.json();
  if (!response.ok) throw new Error(data.detail);
  return data;
}

/** Open this window, or return to it: {window, name, lanes}. */
export async function open() {
  const opened = await command("open_window", { window: sessionStorage.getItem(STORED) ?? "" });
  sessionStorage.setItem(STORED, opened.window);
  return opened;
}

/** Call `onState(state)` several times a second; `onEnd()` when the demo has ended or closed the window. */
export function watch(window, onState, onEnd) {
  const states = new EventSource(`/counters?window=${window}`);
  states.onmessage = ({ data }) => onState(JSON.parse(data));
  states.addEventListener("gone", () => {
    states.close();
    onEnd();
  });
  states.onerror = onEnd;
}
