// The demo's page: it sends each message to all lanes at once, and shows the latency of each lane. With `?tour` it
// begins with the tour; with `?quiet`, as in the second window, it sends nothing automatically.

import { $ } from "./dom.js";
import { Controls } from "./page/controls.js";
import { openWindow, watch } from "./page/demo.js";
import { duration, listed } from "./format.js";
import { Intro } from "./page/intro.js";
import { Lanes } from "./page/lanes.js";
import { announce, attempt, clearError, ENDED, showError } from "./page/notices.js";
import { Tour } from "./page/tour.js";

const query = new URLSearchParams(location.search);

/** Send a message that the user wrote, and announce when each lane has seen it. */
async function send(lanes, text) {
  const arrivals = (await lanes.send(text)).filter(({ latencyMs }) => latencyMs !== undefined);
  const latencies = arrivals.map(({ label, latencyMs }) => `${label} after ${duration(latencyMs)}`);
  if (latencies.length) announce(`Seen: ${listed(latencies)}`);
}

/** Let key P and a button switch present mode on or off: larger lanes without the controls, for a projector. */
function enablePresenting() {
  const change = () => document.body.classList.toggle("is-presenting");
  $("present").onclick = change;
  addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
    const isTyped = target.closest?.("input, select, textarea");
    if (key.toLowerCase() === "p" && !ctrlKey && !metaKey && !altKey && !isTyped) change();
  });
}

function enableComposer(lanes, intro) {
  $("composer").onsubmit = (submitted) => {
    submitted.preventDefault();
    const text = $("text").value.trim();
    $("text").value = "";
    intro.stop();
    if (text) send(lanes, text);
  };
  $("text").oninput = () => lanes.post({ kind: "typing", text: $("text").value });
  for (const part of $("composer").elements) part.disabled = false;
  $("lanes").ariaBusy = "false";
}

async function start() {
  const { window, name, lanes: reached, absent, additions, request_bytes: requestBytes } = await openWindow();
  const lanes = new Lanes(window, query.get("name") ?? name, requestBytes);
  const controls = new Controls(window, lanes, additions);
  $("who").textContent = lanes.name;
  const onState = (state) => {
    clearError(ENDED);
    lanes.update(state);
    controls.update(state);
  };
  watch(window, onState, () => showError(ENDED));
  await attempt(() => lanes.show(reached, absent)); // a lane whose host refuses WebSockets may join later
  if (!lanes.all.some(({ hasJoined }) => hasJoined)) return;
  await lanes.resetCounts();
  const intro = new Intro(lanes);
  const tour = new Tour(lanes, controls);
  const startTour = () => {
    intro.stop();
    tour.start();
  };
  $("tour-button").onclick = startTour;
  enablePresenting();
  enableComposer(lanes, intro);
  if (query.has("tour")) startTour();
  else if (!query.has("quiet")) await intro.run();
}

addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // by Back: its lanes may have ended
attempt(start);
