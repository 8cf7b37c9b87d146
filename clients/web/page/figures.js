// A lane's figures as text: the counts of its server, and the latencies of its messages.

import { bytes, duration, whole } from "../format.js";

const NONE = { requests: 0, empty_answers: 0, up_bytes: 0, down_bytes: 0, published_bytes: 0, connections: 0 };
const amount = (count) => (count < 10 ? String(count) : whole(count));

/** Return the median of the values; NaN if there are none. */
const median = (values) => {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Return a sentence with the slowest lane's median and the range of the others; empty unless two lanes have one. */
export function comparisonOf(lanes) {
  const delays = lanes.map(({ name, latencies }) => [name, median(latencies)]).filter(([, delayMs]) => delayMs >= 0);
  if (delays.length < 2) return "";
  const [[slowest, slowestMs], ...others] = delays.sort(([, one], [, other]) => other - one);
  const [most, least] = [others[0], others.at(-1)].map(([, delayMs]) => duration(delayMs));
  const range = most === least ? most : `${least} to ${most}`;
  return `${slowest} shows a message after ${duration(slowestMs)} (median), the others after ${range}.`;
}

/** Return the figures by name, undefined if one does not apply; all users' requests and bytes, by their messages. */
export function figuresOf({ counts = NONE, latencies, ownLatencies, seen, bill, plan, push_service: service }) {
  const wireBytes = counts.up_bytes + counts.down_bytes;
  const perMessage = (count, text) => (seen ? text(count / seen) : "–");
  return {
    median: duration(median(latencies)),
    last: duration(latencies.at(-1)),
    longest: duration(Math.max(...latencies)),
    own: duration(median(ownLatencies)),
    requests: whole(counts.requests),
    empty: whole(counts.empty_answers),
    bytes: bytes(wireBytes),
    published: service && `Published to the push service: ${bytes(counts.published_bytes)}`,
    connections: whole(counts.connections),
    requestsPerMessage: perMessage(counts.requests, (count) => (count ? count.toFixed(1) : "0")),
    bytesPerMessage: perMessage(wireBytes + counts.published_bytes, (count) => bytes(Math.round(count))),
    function_s: bill && `${amount(bill.function_s)} s`,
    cold_starts: bill && amount(bill.cold_starts),
    cuts: bill && amount(bill.cuts),
    plan:
      plan &&
      `${whole(counts.billed_messages)} of ${whole(plan.messages_a_day)} messages, ` +
        `${plan.connections_open} of ${plan.connections} connections`,
  };
}
