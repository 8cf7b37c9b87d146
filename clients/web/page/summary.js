// The tour's result: a table of the same messages in every lane, as measured on this machine. It stays until closed.

import { $, element } from "../dom.js";
import { comparisonOf, figuresOf } from "./figures.js";

const COLUMNS = ["median", "longest", "requestsPerMessage", "empty", "bytesPerMessage"];

/** Show a title, and below it the present figures of the lanes, if there are any. */
export function showSummary(title, lanes = []) {
  $("summary").hidden &&= lanes.length > 0; // only the call without lanes opens it
  $("summary-close").onclick = hideSummary;
  $("summary-title").textContent = title;
  const table = $("summary").querySelector("table");
  table.hidden = !lanes.length;
  $("summary-words").textContent = lanes.length ? comparisonOf(lanes) : "";
  table.tBodies[0].replaceChildren(...lanes.map(row));
}

export function hideSummary() {
  $("summary").hidden = true;
}

function row(lane) {
  const figures = figuresOf(lane);
  const cells = COLUMNS.map((name) => element("td", {}, figures[name]));
  const line = element("tr", { className: "coloured" }, element("th", { scope: "row" }, lane.label), ...cells);
  line.style.setProperty("--hue", lane.colour);
  return line;
}
