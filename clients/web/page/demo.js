// The page's connection to the demo that serves it: commands go up, snapshots of all counters come down.

const secret = document.querySelector("meta[name=secret]").content;
const REMEMBERED = "window"; // a page that is loaded anew comes back to its own lines

/** Have the demo do something; return what it answers. Raises Error with what it said. */
export async function command(type, what = {}) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Secret": secret },
    body: JSON.stringify({ type, ...what }),
  };
  const answer = await fetch("/control", request);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

/** Open this window, or come back to it: {window, name, lanes}. */
export async function open() {
  const opened = await command("open_window", { window: sessionStorage.getItem(REMEMBERED) ?? "" });
  sessionStorage.setItem(REMEMBERED, opened.window);
  return opened;
}

/** Call `seen(look)` for every look at the counters; `lost()` when the demo has ended or closed the window. */
export function watch(window, seen, lost) {
  const looks = new EventSource(`/counters?window=${window}`);
  looks.onmessage = ({ data }) => seen(JSON.parse(data));
  looks.addEventListener("gone", () => {
    looks.close();
    lost();
  });
  looks.onerror = lost;
}
