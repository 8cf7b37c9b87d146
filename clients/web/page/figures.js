// A lane's figures: what its server counted, and the latencies of its messages.

import { element, setText } from "../dom.js";
import { bytes, duration, median, whole } from "../format.js";

const LATENCIES = "from the moment a message is sent until it is seen here";

// name -> label, explanation, text
const FIGURES = {
  requests: ["requests", "HTTP requests made, upgrades included", ({ counts }) => whole(counts.requests)],
  empty: ["empty", "answers without an event", ({ counts }) => whole(counts.empty_answers)],
  bytes: [
    "on the wire",
    "TCP payload both ways, by the server's own count",
    ({ counts }) => bytes(counts.up_bytes + counts.down_bytes),
  ],
  worst: ["longest", `${LATENCIES}, the longest of the last 500`, ({ latencies }) => duration(Math.max(...latencies))],
  connections: [
    "held open",
    "connections that carry a request or a WebSocket now",
    ({ counts }) => whole(counts.connections),
  ],
  own: ["own median", `${LATENCIES}, of my own messages`, ({ ownLatencies }) => duration(median(ownLatencies))],
  function_s: [
    "billed time",
    "seconds in which an instance of the function handled at least one call",
    ({ bill }) => bill && `${billed("function_s")({ bill })} s`,
  ],
  cold_starts: ["cold starts", "processes started because none was free", billed("cold_starts")],
  cuts: ["cut", "requests, streams and WebSockets that the host ended at its limit", billed("cuts")],
  plan: [
    "of a day's free plan: ",
    "as the vendor counts: each publish, each query and each delivery is a message",
    ({ counts, plan }) =>
      plan &&
      `${whole(counts.billed_messages)} of ${whole(plan.messages_a_day)} messages, ` +
        `${plan.connections_open} of ${plan.connections} connections`,
  ],
};
const PUBLISHED = "TCP payload between the API and the push service, in addition to that of the browsers";

export class Figures {
  #values = {};

  constructor(list) {
    for (const [name, [label, title]] of Object.entries(FIGURES)) this.#values[name] = add(list, name, label, title);
    this.published = Object.assign(element("small"), { title: PUBLISHED });
    this.#values.bytes.after(this.published);
  }

  /** Show them as they are now, without those that do not apply. */
  show(lane) {
    for (const [name, [, , text]] of Object.entries(FIGURES)) {
      const shown = text(lane);
      this.#values[name].closest("div").hidden = !shown;
      if (shown) setText(this.#values[name], shown);
    }
    if (lane.push_service) setText(this.published, `+ ${bytes(lane.counts.published_bytes)} published`);
  }
}

/** Add a figure to a list, and return the element of its value. */
function add(list, name, label, title) {
  const pair = Object.assign(element("div"), { title });
  const description = element("dd");
  const value = element("span", "", "–");
  value.dataset.figure = name;
  description.append(value);
  pair.append(element("dt", "", label), description);
  list.append(pair);
  return value;
}

function billed(name) {
  return ({ bill }) => bill && (bill[name] < 10 ? String(bill[name]) : whole(bill[name]));
}
