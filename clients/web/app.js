// One message, four lanes: the page around them. It writes to all lanes at once, and shows what came of it.

import { Controls } from "./page/controls.js";
import { open, watch, wish } from "./page/demo.js";
import { Lanes } from "./page/lanes.js";
import { Tour } from "./page/tour.js";
import { duration, listed } from "./page/wording.js";

const $ = (id) => document.getElementById(id);

/** Show what went wrong, or nothing. */
function trouble(text) {
  $("trouble").hidden = !text;
  $("trouble").textContent = text;
}

/** Carry out what a control asks for, and say so if it cannot be done. */
async function attempt(deed) {
  try {
    trouble("");
    return await deed();
  } catch (error) {
    trouble(error.message);
    return undefined;
  }
}

/** Say when a message that somebody wrote by hand has been seen in every lane. */
function announce(arrivals) {
  $("announcer").textContent = `Seen: ${listed(arrivals.map(({ label, tookMs }) => `${label} after ${duration(tookMs)}`))}`;
}

async function begin() {
  const { window, name, lanes: reached } = await open();
  const who = new URLSearchParams(location.search).get("name") ?? name;
  const lanes = new Lanes(window, who, attempt);
  $("who").textContent = who;
  await lanes.show(reached);
  await wish("count_anew");
  const controls = new Controls(window, lanes, attempt);
  watch(window, (look) => (trouble(""), lanes.look(look), controls.look(look)), () => trouble("The demo has ended, or closed this window. Load the page anew."));
  const tour = new Tour(lanes, controls);

  $("composer").onsubmit = async (submitted) => {
    submitted.preventDefault();
    const text = $("text").value.trim();
    $("text").value = "";
    if (text) announce(await lanes.send(text));
  };
  $("text").oninput = () => lanes.tell({ kind: "typing", text: $("text").value });
  $("tour-button").onclick = () => tour.begin();
  for (const part of $("composer").elements) part.disabled = false;
  $("lanes").ariaBusy = "false";
  $("text").focus();
  if (new URLSearchParams(location.search).has("tour")) tour.begin();
}

begin().catch((error) => trouble(`The demo could not begin: ${error.message}`));
