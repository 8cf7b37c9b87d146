// Prints whether the tour's result is hidden once it has been opened, closed and completed, and opened again; and which
// of two pauses ends first: a long one whose signal is already aborted, or a shorter one.

import { pause } from "../../../clients/web/chat/pause.js";
import { hideSummary, showSummary } from "../../../clients/web/page/summary.js";

const nodes = {};
const table = { tBodies: [{ replaceChildren: () => {} }] };
const newNode = () => ({
  hidden: true,
  append: () => {},
  querySelector: () => table,
  style: { setProperty: () => {} },
});
globalThis.document = { getElementById: (id) => (nodes[id] ??= newNode()), createElement: newNode };
const lanes = [{ label: "A", latencies: [], ownLatencies: [], seen: 0 }];
const hidden = [
  () => showSummary("The result follows"),
  () => showSummary("One message", lanes),
  hideSummary,
  () => showSummary("All messages", lanes),
  () => showSummary("The result follows"),
].map((act) => {
  act();
  return nodes.summary.hidden;
});
const long = pause(30_000, AbortSignal.abort()).then(() => "aborted");
const first = await Promise.race([long, pause(100).then(() => "shorter")]);
console.log(JSON.stringify({ hidden, first }));
process.exit();
