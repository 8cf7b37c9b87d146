// One message, four lanes: the page around them. It writes to all lanes at once, and shows the latency of each.

import { $ } from "./dom.js";
import { Controls } from "./page/controls.js";
import { open, watch } from "./page/demo.js";
import { duration, listed } from "./page/format.js";
import { Lanes } from "./page/lanes.js";
import { announce, attempt, clearError, ENDED, showError } from "./page/notices.js";
import { Tour } from "./page/tour.js";

const query = new URLSearchParams(location.search);

/** Send a message that somebody wrote by hand, and announce when each lane has seen it. */
async function send(lanes, text) {
  const arrivals = (await lanes.send(text)).filter(({ latencyMs }) => latencyMs !== undefined);
  announce(`Seen: ${listed(arrivals.map(({ label, latencyMs }) => `${label} after ${duration(latencyMs)}`))}`);
}

function enableComposer(lanes) {
  $("composer").onsubmit = (submitted) => {
    submitted.preventDefault();
    const text = $("text").value.trim();
    $("text").value = "";
    if (text) send(lanes, text);
  };
  $("text").oninput = () => lanes.post({ kind: "typing", text: $("text").value });
  for (const part of $("composer").elements) part.disabled = false;
  $("lanes").ariaBusy = "false";
  $("text").focus();
}

async function start() {
  const { window, name, lanes: reached, absent, additions } = await open();
  const lanes = new Lanes(window, query.get("name") ?? name);
  const controls = new Controls(window, lanes, additions);
  $("who").textContent = lanes.name;
  const onState = (state) => {
    clearError(ENDED);
    lanes.update(state);
    controls.update(state);
  };
  watch(window, onState, () => showError(ENDED));
  await lanes.show(reached, absent);
  await lanes.resetCounts();
  enableComposer(lanes);
  const tour = new Tour(lanes, controls);
  $("tour-button").onclick = () => tour.start();
  if (query.has("tour")) tour.start();
}

addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // its lanes may have ended meanwhile
attempt(start);
