// The tour's result: the same messages in every lane, in figures of this machine. It stays until somebody closes it.

import { $, element } from "../dom.js";
import { bytes, duration, median, whole } from "../format.js";

const COLUMNS = {
  "median delay": ({ latencies }) => duration(median(latencies)),
  "longest delay": ({ latencies }) => duration(Math.max(...latencies)),
  "requests per message": ({ counts, seen }) => perMessage(counts.requests, seen, (count) => count.toFixed(1)),
  "empty answers": ({ counts }) => whole(counts.empty_answers),
  "bytes per message": ({ counts, seen }) =>
    perMessage(counts.up_bytes + counts.down_bytes + counts.published_bytes, seen, (count) => bytes(Math.round(count))),
};
const perMessage = (count, messages, text) => (messages ? text(count / messages) : "–");

/** Show the figures of these lanes as they are now, if there are any, under this title. */
export function showSummary(title, lanes = []) {
  $("summary").hidden = false;
  $("summary-close").onclick = hideSummary;
  $("summary-title").textContent = title;
  $("summary")
    .querySelector("table")
    .replaceChildren(...(lanes.length ? [head(), ...lanes.map(row)] : []));
}

export function hideSummary() {
  $("summary").hidden = true;
}

function head() {
  const cells = ["", ...Object.keys(COLUMNS)].map((name) => Object.assign(element("th", "", name), { scope: "col" }));
  return filled("tr", cells);
}

function row(lane) {
  const name = Object.assign(element("th", "", lane.name), { scope: "row" });
  const line = filled("tr", [name, ...Object.values(COLUMNS).map((text) => element("td", "", text(lane)))]);
  line.className = "coloured";
  line.style.setProperty("--hue", lane.colour);
  return line;
}

function filled(name, children) {
  const made = element(name);
  made.append(...children);
  return made;
}
