// A lane's figures: what its server counted, and what its messages took.

import { bytes, duration, whole } from "./wording.js";

const TOLD = {
  requests: ["requests", "HTTP requests made, upgrades included"],
  empty: ["empty", "answers that told nothing"],
  bytes: ["on the wire", "TCP payload both ways, by the server's own count"],
  median: ["median", "from written to seen here, over my last 500 messages"],
  worst: ["worst", "from written to seen here, over my last 500 messages"],
  connections: ["connections", "open now"],
};
const BILLED = {
  function_s: ["function-s", "seconds in which an instance was held by at least one call: what is billed"],
  cold_starts: ["cold starts", "processes started because none was free"],
  cuts: ["cut", "calls, answers and lines ended at the host's limit"],
};
const PUBLISHED = "TCP payload between the API and the push service, beside what browsers exchange with both";

export class Figures {
  constructor(list) {
    this.values = Object.fromEntries(Object.entries(TOLD).map(([name, told]) => [name, laid(list, name, ...told)]));
    this.billed = Object.fromEntries(Object.entries(BILLED).map(([name, told]) => [name, laid(list, name, ...told)]));
    this.published = document.createElement("small");
    this.published.title = PUBLISHED;
    this.values.bytes.after(this.published);
  }

  /** Show them as they are now. */
  show({ counts, latencies, bill, push_service: service }) {
    const shown = {
      requests: whole(counts.requests),
      empty: whole(counts.empty_answers),
      bytes: bytes(counts.up_bytes + counts.down_bytes),
      median: duration(latencies.median),
      worst: duration(latencies.worst),
      connections: whole(counts.connections),
    };
    for (const [name, text] of Object.entries(shown)) setText(this.values[name], text);
    for (const [name, value] of Object.entries(this.billed)) {
      value.closest("div").hidden = !bill;
      if (bill) setText(value, bill[name] < 10 ? String(bill[name]) : whole(bill[name]));
    }
    if (service) setText(this.published, `+ ${bytes(counts.published_bytes)} published`);
  }
}

function laid(list, name, label, title) {
  const [pair, term, told, value] = ["div", "dt", "dd", "span"].map((kind) => document.createElement(kind));
  term.textContent = label;
  pair.title = title;
  value.textContent = "–";
  value.dataset.figure = name;
  told.append(value);
  pair.append(term, told);
  list.append(pair);
  return value;
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
