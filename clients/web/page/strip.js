// A strip of dots: the latency of each of the last messages, on a logarithmic scale that all lanes share.

import { setAttributes, svg } from "../dom.js";

const WIDTH = 280;
const HEIGHT = 62;
const LEFT = 44; // for the names of the grid's lines
const MARGIN = 8; // above the highest dot and below the lowest
const SHOWN = 30;
const SLOWEST_MS = 10_000; // the fastest is 1 ms
const GRID = { 1: "1 ms", 10: "", 100: "0.1 s", 1000: "", 10000: "10 s" };

const yOf = (ms) => {
  const share = Math.log(Math.min(Math.max(ms, 1), SLOWEST_MS)) / Math.log(SLOWEST_MS);
  return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN);
};
const xOf = (place) => LEFT + MARGIN + (place * (WIDTH - LEFT - 2 * MARGIN)) / (SHOWN - 1);

export class Strip {
  constructor(parent) {
    const label = "What each of the last messages took, on a logarithmic scale from 1 ms to 10 s";
    const grid = Object.entries(GRID).flatMap(([ms, name]) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: yOf(ms), y2: yOf(ms) }),
      svg("text", { x: LEFT - 4, y: yOf(ms) + 5, "text-anchor": "end" }, name),
    ]);
    this.dots = svg("path", { class: "dots" });
    const viewBox = `0 0 ${WIDTH} ${HEIGHT}`;
    parent.append(svg("svg", { viewBox, role: "img", "aria-label": label }, ...grid, this.dots));
  }

  /** Show the latencies in ms, the latest at the right. */
  show(latencies) {
    const first = SHOWN - Math.min(SHOWN, latencies.length);
    // A line of length 0 with round ends is a dot.
    const dot = (ms, place) => `M ${xOf(first + place).toFixed(1)} ${yOf(ms).toFixed(1)} h 0`;
    setAttributes(this.dots, { d: latencies.slice(-SHOWN).map(dot).join(" ") });
  }
}
