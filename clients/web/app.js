// One message, four lanes: the page around them. It writes to all lanes at once, and shows what came of it.

import { Controls } from "./page/controls.js";
import { open, watch } from "./page/demo.js";
import { Lanes } from "./page/lanes.js";
import { Tour } from "./page/tour.js";
import { attempt, announce, clear, ENDED, trouble } from "./page/told.js";
import { duration, listed } from "./page/wording.js";

const $ = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);

/** Say when a message that somebody wrote by hand has been seen, lane by lane. */
async function say(lanes, text) {
  const arrivals = (await lanes.send(text)).filter(({ tookMs }) => tookMs !== undefined);
  announce(`Seen: ${listed(arrivals.map(({ label, tookMs }) => `${label} after ${duration(tookMs)}`))}`);
}

function letWrite(lanes) {
  $("composer").onsubmit = (submitted) => {
    submitted.preventDefault();
    const text = $("text").value.trim();
    $("text").value = "";
    if (text) say(lanes, text);
  };
  $("text").oninput = () => lanes.tell({ kind: "typing", text: $("text").value });
  for (const part of $("composer").elements) part.disabled = false;
  $("lanes").ariaBusy = "false";
  $("text").focus();
}

async function begin() {
  const { window, name, lanes: reached, absent, additions } = await open();
  const lanes = new Lanes(window, asked.get("name") ?? name);
  const controls = new Controls(window, lanes, additions);
  $("who").textContent = lanes.name;
  watch(
    window,
    (look) => {
      clear(ENDED);
      lanes.look(look);
      controls.look(look);
    },
    () => trouble(ENDED),
  );
  const shown = lanes.show(reached);
  lanes.showAbsent(absent);
  await shown;
  await lanes.countAnew();
  letWrite(lanes);
  const tour = new Tour(lanes, controls);
  $("tour-button").onclick = () => tour.begin();
  if (asked.has("tour")) tour.begin();
}

attempt(begin);
